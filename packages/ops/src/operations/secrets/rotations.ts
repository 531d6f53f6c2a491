import {
  activeLoginParameter,
  type Cluster,
  loginsOf,
  passwordParameter,
  type RotatingLogin,
  rotatingLogins,
} from '@pgha/infra/cluster';
import { apiKeysParameter, backupPassphrasesParameter } from '@pgha/infra/machines';
import { UsageError } from '../../exit-codes.ts';
import { authorityParameters, parseGenerations } from '../../secrets/index.ts';
import { apiKeyRetirement, apiKeyRotation, isOldKeyValid } from './api-keys.ts';
import { authorityRotation } from './authority.ts';
import { isOldLoginValid, loginRetirement, loginRotation } from './logins.ts';
import { type EraseRepository, passphraseRetirement, passphraseRotation } from './passphrases.ts';
import { passwordRotation, singleLogins } from './passwords.ts';
import type { SecretChange, SecretsSetting } from './setting.ts';
import { readStored } from './stored.ts';

/** A secret that can be rotated, under the name that the command line knows. */
export interface Rotatable {
  name: string;
  /** Who presents it to whom. */
  use: string;
  parameters(cluster: Cluster): readonly string[];
  rotate: SecretChange;
  /** Why a person is asked first; null: clients notice nothing and nothing is lost. */
  caution: string | null;
  /** What a rotation leaves valid until somebody says that it is not needed any more; absent: nothing. */
  old?: {
    isValid(setting: Pick<SecretsSetting, 'cluster' | 'store'>): Promise<boolean>;
    /** @param options.early although something could still need it. */
    retire(options: { early: boolean; erase: EraseRepository }): SecretChange;
  };
}

const uses: Readonly<Record<RotatingLogin, string>> = {
  app: 'the write service and other clients, to the database',
  readonly: 'the read service and other readers, to the database',
  pgbouncer_auth: 'PgBouncer and its guard, to the database',
  replication: 'standbys, to the server they replicate from',
  rewind: 'a former primary, to the new primary (pg_rewind)',
  etcd_admin: 'operators, to etcd',
  etcd_patroni: 'Patroni, to etcd',
};

const passwordUses: Readonly<Record<(typeof singleLogins)[number], string>> = {
  owner: 'migrations, to the database',
  patroni_rest: 'Patroni and patronictl, to the Patroni REST API',
  grafana_admin: 'users, to Prometheus, Alertmanager and Grafana',
};

/** Every secret that can be rotated, in the order in which all of them are: what takes longest comes last. */
export const rotatables: readonly Rotatable[] = [
  ...rotatingLogins.map(
    (role): Rotatable => ({
      name: role,
      use: uses[role],
      parameters: (cluster) => [
        ...loginsOf(role).map((login) => passwordParameter(cluster, login)),
        activeLoginParameter(cluster, role),
      ],
      rotate: loginRotation([role]),
      caution: null,
      old: { isValid: (setting) => isOldLoginValid(setting, role), retire: () => loginRetirement(role) },
    }),
  ),
  ...singleLogins.map(
    (login): Rotatable => ({
      name: login,
      use: passwordUses[login],
      parameters: (cluster) => [passwordParameter(cluster, login)],
      rotate: passwordRotation([login]),
      caution: null,
    }),
  ),
  {
    name: 'api_keys',
    use: 'clients, to the write service',
    parameters: (cluster) => [apiKeysParameter(cluster)],
    rotate: apiKeyRotation,
    caution: null,
    old: {
      isValid: async ({ cluster, store }) => isOldKeyValid((await readStored(store, apiKeysParameter(cluster))).value),
      retire: () => apiKeyRetirement,
    },
  },
  {
    name: 'ca',
    use: 'nodes, to each other (TLS)',
    parameters: (cluster) => Object.values(authorityParameters(cluster)),
    rotate: authorityRotation('replaced'),
    caution: 'clients that verify the server certificate fail unless they have the new ca.crt first (--trust-only)',
  },
  {
    name: 'backup_passphrases',
    use: 'database nodes, to the backup repositories (pgBackRest cipher passphrase)',
    parameters: (cluster) => [backupPassphrasesParameter(cluster)],
    rotate: passphraseRotation,
    caution:
      'a full backup is taken to every repository, and storage of both generations is billed until the old one is revoked',
    old: {
      isValid: async ({ cluster, store }) => {
        const { value } = await readStored(store, backupPassphrasesParameter(cluster));
        return parseGenerations(value).some(({ state }) => state === 'former');
      },
      retire: ({ early, erase }) => passphraseRetirement(erase, early),
    },
  },
];

/** What "all" means: the CA is not among them, because clients outside the cluster have to get another one first. */
export const rotatedTogether: readonly Rotatable[] = rotatables.filter(({ name }) => name !== 'ca');

/** Their rotations as the changes that all of them are made of: machines fetch once where they would a dozen times. */
export function changesOfAll(): readonly (SecretChange & { name: string })[] {
  const grouped: readonly string[] = [...rotatingLogins, ...singleLogins];
  return [
    { name: 'logins', ...loginRotation(rotatingLogins) },
    { name: 'passwords', ...passwordRotation(singleLogins) },
    ...rotatedTogether.filter(({ name }) => !grouped.includes(name)).map(({ name, rotate }) => ({ name, ...rotate })),
  ];
}

/** @throws UsageError when there is none of that name. */
export function rotatableNamed(name: string): Rotatable {
  const found = rotatables.find((each) => each.name === name);
  if (found === undefined) {
    throw new UsageError(`unknown secret "${name}". Secrets: ${rotatables.map((each) => each.name).join(', ')}`);
  }
  return found;
}
