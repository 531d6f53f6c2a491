import { membersOf, nodesOf, ports } from '@pgha/infra/cluster';
import { apiKeysParameter } from '@pgha/infra/machines';
import { judge, type Verdict } from '../chaos/checker.ts';
import type { FinalRead, History } from '../chaos/history.ts';
import type { WorkloadTargets } from '../chaos/workload.ts';
import { asPostgres } from '../clients/pgbackrest.ts';
import { RefusedError } from '../exit-codes.ts';
import { type Host, runChecked } from '../hosts/host.ts';
import { bothRegions, type Installation } from '../installation/installation.ts';
import { authorityParameters, readSecret } from '../secrets/index.ts';
import { waitUntil } from '../wait-until.ts';
import { actingRegion, viewRegions } from './regions.ts';

/** A member that was rebuilt meanwhile still replays. */
const sameStateTimeoutMs = 60_000;

/**
 * Where the acting region's services are, and the key that writes need.
 *
 * @throws RefusedError when that region has no API server.
 */
export async function findServices(installation: Installation): Promise<WorkloadTargets> {
  const { cluster } = installation;
  const { region } = actingRegion(cluster, await viewRegions(installation));
  const [server] = nodesOf(region, 'api');
  if (server === undefined) throw new RefusedError(`${region.awsRegion} has no API server to send to`);
  const store = installation.secrets(bothRegions(cluster));
  const ca = await readSecret(store, authorityParameters(cluster).certificate);
  const [apiKey = ''] = (await readSecret(store, apiKeysParameter(cluster))).split('\n');
  const endpoint = { address: await installation.addressOf(server), hostname: server.hostname, ca };
  return { write: { ...endpoint, port: ports.api }, read: { ...endpoint, port: ports.readApi }, apiKey };
}

/**
 * Judges what clients were told in a run against what every member of the acting region holds, once all hold the same.
 *
 * @param keep leaves the run's rows in the table.
 */
export async function judgeRun(
  installation: Installation,
  run: string,
  history: History,
  keep = false,
): Promise<Verdict> {
  const { cluster } = installation;
  const { region, members } = actingRegion(cluster, await viewRegions(installation));
  const hosts = membersOf(region).map((node) => installation.host(node));
  const finalReads = await waitUntil(
    async () => {
      const reads = await readFinalState(hosts, cluster.database, run);
      return reads.every(({ keys }) => keys.length === reads[0]?.keys.length) ? reads : null;
    },
    { what: 'every member to hold the same', timeoutMs: sameStateTimeoutMs, everyMs: 1_000 },
  ).catch(() => readFinalState(hosts, cluster.database, run));
  const primary = hosts.find(({ name }) => members?.some((member) => member.name === name && member.isLeader));
  if (!keep && primary !== undefined) await removeRun(primary, cluster.database, run);
  return judge(history, finalReads);
}

/**
 * What each of these members holds of one run, read on the member itself: neither the router nor a service stands between.
 *
 * @param run what every key of the run begins with.
 */
export async function readFinalState(
  hosts: readonly Host[],
  database: string,
  run: string,
): Promise<readonly FinalRead[]> {
  return Promise.all(
    hosts.map(async (host) => {
      const text = await query(host, database, `select name from items where name like '${run}-%'`);
      return { member: host.name, keys: text.split('\n').filter(Boolean) };
    }),
  );
}

/** Removes what a run left, on the primary. */
async function removeRun(primary: Host, database: string, run: string): Promise<void> {
  await query(primary, database, `delete from items where name like '${run}-%'`);
}

/** A statement as the superuser, on the machine itself. */
function query(host: Host, database: string, statement: string): Promise<string> {
  const psql = ['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', `--dbname=${database}`];
  return runChecked(host, asPostgres(...psql, `--command=${statement}`), { timeoutMs: 300_000 });
}
