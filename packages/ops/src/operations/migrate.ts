import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, loadBalancerListeners, passwordParameter, type Region } from '@pgha/infra/cluster';
import { caFile } from '@pgha/infra/machines';
import { reconnectPooler } from '../clients/pooler.ts';
import { RefusedError } from '../exit-codes.ts';
import { type Host, HostUnreachableError, runChecked } from '../hosts/host.ts';
import { bothRegions, type Installation } from '../installation/installation.ts';
import { readSecret, type SecretStore } from '../secrets/index.ts';
import type { Step } from '../step.ts';
import { readApiStates } from './api-release.ts';
import { memberHosts } from './regions.ts';

/** What a migration works with. */
export interface MigrationSetting {
  cluster: Cluster;
  /** The region whose load balancer leads to the primary. */
  region: Region;
  store: SecretStore;
  /** The release whose migrations are applied; the machine has fetched it. */
  version: string;
}

/** A try on the machine is this long, so that whoever blocks it can be named between two; all of them take so long at most. */
const lockRoundMs = 10_000;
const lockPatienceMs = 60_000;
/** Between two of them, for the clients that queued. */
const lockPauseMs = 2_000;

/** The release's own migrations, run where the database can be reached; its credentials come on standard input. */
const migration = `
import { readFileSync } from 'node:fs';
const { release, rootCertificateFile, ...connection } = JSON.parse(readFileSync(0, 'utf8'));
const { migrate } = await import(release + '/packages/db/src/index.ts');
const tls = { mode: 'verify-full', rootCertificate: readFileSync(rootCertificateFile, 'utf8') };
const answer = await migrate({ ...connection, tls }, { lockPatienceMs: ${lockRoundMs} }).catch((error) => {
  if (error.code === 'PGHA_MIGRATION_BLOCKED') return { blocked: error.message };
  console.error(error.message);
  process.exit(1);
});
console.log(JSON.stringify(answer));
`;

/**
 * The steps that bring the schema up to date and let every pooler know. The poolers are told also when there was nothing to do: a
 * command that was killed behind the schema finds nothing to do when it is given again.
 *
 * @param host an API server.
 * @param release whose migrations; null: those of the release that it runs.
 * @param applied takes the names of the migrations, in order.
 */
export function planMigration(
  installation: Installation,
  region: Region,
  host: Host,
  release: string | null,
  applied: string[],
): readonly Step[] {
  const { cluster } = installation;
  return [
    {
      title: 'Apply the schema migrations',
      run: async (report) => {
        const [state] = await readApiStates({ hosts: [host] });
        const version = release ?? state?.current ?? null;
        if (version === null) throw new RefusedError(`${host.name} runs no release. Specify one with --release`);
        report(`migrations of release ${version}`);
        const store = installation.secrets(bothRegions(cluster));
        applied.push(...(await migrateFrom(host, { cluster, region, store, version }, report)));
      },
    },
    {
      title: 'Reconnect PgBouncer on all members',
      run: async (report) => {
        await Promise.all(
          [...memberHosts(installation, region).values()].map((member) =>
            reconnectPooler(member, cluster.database).catch((error: unknown) => {
              if (!(error instanceof HostUnreachableError)) throw error;
              // one that is off makes new ones when it starts
              report(`${member.name} is unreachable: its PgBouncer, if it is running, keeps its server connections`);
            }),
          ),
        );
      },
    },
  ];
}

/**
 * Brings the schema up to date, as the owner. Two at once wait for each other; a schema that is up to date is left alone.
 *
 * @param host an API server: it has the release and a way to the database.
 * @param report is told who blocks the migration while it waits.
 * @returns the migrations that were applied, in order.
 * @throws with who blocks it and what ends that, when it got no lock in time; nothing was changed then.
 */
export async function migrateFrom(
  host: Host,
  { cluster, region, store, version }: MigrationSetting,
  report: (line: string) => void = () => undefined,
): Promise<readonly string[]> {
  const release = `/opt/pgha/releases/${version}`;
  const connection = {
    release,
    host: region.loadBalancer.hostname,
    port: loadBalancerListeners[0].port,
    database: cluster.database,
    user: 'pgha_owner',
    password: await readSecret(store, passwordParameter(cluster, 'owner')),
    rootCertificateFile: caFile,
  };
  const deadline = Date.now() + lockPatienceMs;
  for (;;) {
    const text = await runChecked(host, [`${release}/bin/node`, '--input-type=module', '--eval', migration], {
      input: JSON.stringify(connection),
      timeoutMs: 10 * 60_000,
    });
    const answer = JSON.parse(text) as { applied: readonly string[] } | { blocked: string };
    if ('applied' in answer) return answer.applied;
    if (Date.now() + lockRoundMs >= deadline) throw new Error(answer.blocked);
    report(answer.blocked.split('\n').find((line) => line.startsWith('blocked by')) ?? answer.blocked);
    await delay(lockPauseMs);
  }
}
