import {
  activeLoginParameter,
  type Cluster,
  type Login,
  loginsOf,
  parameterName,
  passwordParameter,
  type RotatingLogin,
} from '../cluster/index.ts';
import { activeLoginFile } from './login-file.ts';
import { type Machine, machineFile, type SecretFile, type Site, type UnitAction } from './machine.ts';
import { siteCaFile } from './operating-system.ts';
import { programFile } from './program.ts';
import { systemCaFile } from './tls.ts';

/** The SSM name of the keys that the write API accepts, one a line; two while they are rotated. */
export function apiKeysParameter(cluster: Cluster): string {
  return parameterName(cluster, 'api/keys');
}

/**
 * The SSM name of the passphrases the backup repositories are encrypted with, one generation a line: its number, its state and the
 * passphrase. A repository cannot change its passphrase, so that a new one is a new repository beside the old.
 */
export function backupPassphrasesParameter(cluster: Cluster): string {
  return parameterName(cluster, 'backup/passphrases');
}

/** The SSM name of what says which repositories the archive leaves out, one a line; no secret, and read the same way. */
export function detachedRepositoriesParameter(cluster: Cluster): string {
  return parameterName(cluster, 'backup/detached');
}

/** A parameter as a file of root's, for units that take it with `LoadCredential=`. */
export function rootSecret(parameter: string, path: string, onChange: readonly UnitAction[] = []): SecretFile {
  return { parameter, path, mode: '0600', owner: 'root', group: 'root', onChange };
}

/** A login's password as a file that only `user` can read. */
export function passwordFile(
  cluster: Cluster,
  login: Login,
  user: string,
  onChange: readonly UnitAction[] = [],
): SecretFile {
  return {
    parameter: passwordParameter(cluster, login),
    path: `/etc/pgha/secrets/${login}`,
    mode: '0600',
    owner: user,
    group: user,
    onChange,
  };
}

/**
 * A role's two passwords, and which login is in use, as files that only `user` can read.
 *
 * @param onPassword what a changed password asks for: the other login's changes while nobody uses it.
 * @param onActive what uses the login that is named.
 */
export function rotatingLoginFiles(
  cluster: Cluster,
  role: RotatingLogin,
  user: string,
  { onPassword = [], onActive }: { onPassword?: readonly UnitAction[]; onActive: readonly UnitAction[] },
): readonly SecretFile[] {
  return [
    ...loginsOf(role).map((login) => passwordFile(cluster, login, user, onPassword)),
    {
      parameter: activeLoginParameter(cluster, role),
      path: activeLoginFile(role),
      mode: '0600',
      owner: user,
      group: user,
      onChange: onActive,
    },
  ];
}

/** Every parameter a machine's role must be allowed to read; nothing else. */
export function parametersOf(machine: Machine): readonly string[] {
  return [...new Set(machine.secrets.map(({ parameter }) => parameter))].sort();
}

/**
 * Adds what brings a machine its secrets: the program, its manifest (names and places, never values) and the unit that runs
 * before everything that uses one.
 *
 * @param awsRegion the region whose Parameter Store is asked: the machine's own, because the other may be lost.
 */
export function withSecretFetching(machine: Machine, awsRegion: string, site: Site): Machine {
  if (machine.secrets.length === 0) return machine;
  const manifest = {
    region: awsRegion,
    endpoint: site.ssmEndpoint,
    ca: site.extraCa === null ? systemCaFile : siteCaFile,
    files: machine.secrets,
  };
  return {
    ...machine,
    packages: [...new Set([...machine.packages, 'ca-certificates', 'python3-boto3'])].sort(),
    files: [
      ...machine.files,
      programFile('pgha-secrets.py', '/usr/local/sbin/pgha-secrets'),
      machineFile('/etc/pgha/secrets.json', `${JSON.stringify(manifest, null, 1)}\n`),
      machineFile('/etc/systemd/system/pgha-secrets.service', renderSecretsUnit(machine.secrets)),
      programFile('pgha-secrets-refresh.service', '/etc/systemd/system/pgha-secrets-refresh.service', { mode: '0644' }),
    ],
    units: [
      ...machine.units,
      { unit: 'pgha-secrets.service', state: 'enabled' },
      { unit: 'pgha-secrets-refresh.service', state: 'enabled' },
    ],
  };
}

function renderSecretsUnit(secrets: readonly SecretFile[]): string {
  const users = [...new Set(secrets.flatMap(({ onChange }) => onChange.map(({ unit }) => unit)))].sort();
  return `[Unit]
Description=Update this node's secrets
# A machine that was off while a secret changed must not start with the old one. It asks once and briefly: a reboot without
# Parameter Store continues with the existing files.
After=network-online.target
Wants=network-online.target
${users.map((unit) => `Before=${unit}\n`).join('')}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/pgha-secrets boot
# above the program's own deadline, which says what was missing
TimeoutStartSec=960
RuntimeDirectory=pgha-secrets
RuntimeDirectoryPreserve=yes
ProtectSystem=strict
ReadWritePaths=/etc
PrivateTmp=yes
ProtectHome=read-only
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
`;
}
