import { type Cluster, type Login, parameterName, passwordParameter } from '../cluster/index.ts';
import { type Machine, machineFile, type SecretFile, type Site, type UnitAction } from './machine.ts';
import { siteCaFile } from './operating-system.ts';
import { programFile } from './program.ts';
import { systemCaFile } from './tls.ts';

/** A database role that alternates between two logins, so that a password changes without a moment when none is valid. */
export type RotatingLogin = 'app' | 'readonly';

/** The SSM name of what says which of a role's two logins is the one in use: its value is `app_a` or `app_b`. */
export function activeLoginParameter(cluster: Cluster, role: RotatingLogin): string {
  return parameterName(cluster, `logins/${role}`);
}

/** The SSM name of the keys that the write API accepts, one a line; two while they are rotated. */
export function apiKeysParameter(cluster: Cluster): string {
  return parameterName(cluster, 'api/keys');
}

/** The SSM name of the passphrase both backup repositories are encrypted with. */
export function backupPassphraseParameter(cluster: Cluster): string {
  return parameterName(cluster, 'backup/passphrase');
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
    ],
    units: [...machine.units, { unit: 'pgha-secrets.service', state: 'enabled' }],
  };
}

function renderSecretsUnit(secrets: readonly SecretFile[]): string {
  const users = [...new Set(secrets.flatMap(({ onChange }) => onChange.map(({ unit }) => unit)))].sort();
  return `[Unit]
Description=Fetch this machine's secrets when one is missing
# No network is waited for: a reboot finds every file and asks nobody, and the program itself waits when it has to ask.
${users.map((unit) => `Before=${unit}\n`).join('')}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/pgha-secrets ensure
# above the program's own deadline, which says what was missing
TimeoutStartSec=960
ProtectSystem=strict
ReadWritePaths=/etc
PrivateTmp=yes
ProtectHome=read-only
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
`;
}
