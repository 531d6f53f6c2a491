import { setTimeout as delay } from 'node:timers/promises';
import { membersOf, nodesOf, ports, type Region } from '@pgha/infra/cluster';
import { apiKeysParameter } from '@pgha/infra/machines';
import { judge, type MissingMember, type Verdict } from '../chaos/checker.ts';
import type { FinalRead, History } from '../chaos/history.ts';
import type { WorkloadTargets } from '../chaos/workload.ts';
import { asPostgres } from '../clients/pgbackrest.ts';
import { RefusedError } from '../exit-codes.ts';
import { type Host, runChecked } from '../hosts/host.ts';
import { bothRegions, type Installation } from '../installation/installation.ts';
import { authorityParameters, readSecret } from '../secrets/index.ts';
import type { Report } from '../step.ts';
import { actingRegion, type RegionView, viewRegions } from './regions.ts';

/** A member that was rebuilt meanwhile still replays. */
const sameStateTimeoutMs = 60_000;
/** Every row of a long run; a member that hangs must not keep the verdict on the others for long. */
const queryTimeoutMs = 60_000;

/**
 * Where the acting region's services are, and the key that writes need.
 *
 * @throws RefusedError when that region has no API server.
 */
export async function findServices(installation: Installation): Promise<WorkloadTargets & { region: Region }> {
  const { cluster } = installation;
  const { region } = actingRegion(cluster, await viewRegions(installation));
  const [server] = nodesOf(region, 'api');
  if (server === undefined) throw new RefusedError(`${region.awsRegion} has no API server to send requests to`);
  const store = installation.secrets(bothRegions(cluster));
  const ca = await readSecret(store, authorityParameters(cluster).certificate);
  const [apiKey = ''] = (await readSecret(store, apiKeysParameter(cluster))).split('\n');
  const endpoint = { address: await installation.addressOf(server), hostname: server.hostname, ca };
  return { write: { ...endpoint, port: ports.api }, read: { ...endpoint, port: ports.readApi }, apiKey, region };
}

/** What a run is judged by. */
interface JudgeOptions {
  /** Leaves the run's rows in the table. */
  keep?: boolean;
  /** The region that acted when the run began, for when it is not known any more which one does. */
  region?: Region;
  report?: Report;
}

/**
 * Judges what clients were told in a run against what every member of the acting region holds, once all hold the same. A member
 * that cannot be read is missing in the verdict and does not keep the others from being judged.
 */
export async function judgeRun(
  installation: Installation,
  run: string,
  history: History,
  { keep = false, region: first, report = () => undefined }: JudgeOptions = {},
): Promise<Verdict> {
  const { cluster } = installation;
  const acting = await findActing(installation, first);
  const hosts = membersOf(acting.region).map((node) => installation.host(node));
  const { reads, missing } = await readSettled(hosts, cluster.database, run, report);
  const leader = acting.members?.find(({ isLeader }) => isLeader)?.name;
  const primary = hosts.find(({ name }) => name === leader && reads.some(({ member }) => member === name));
  if (!keep) {
    const problem = primary === undefined ? 'there is no primary' : await removeRun(primary, cluster.database, run);
    if (problem !== null) report(`the rows of ${run} were not removed from the table: ${problem}`);
  }
  return judge(history, reads, missing);
}

async function findActing(
  installation: Installation,
  first: Region | undefined,
): Promise<Pick<RegionView, 'region' | 'members'>> {
  const views = await viewRegions(installation);
  try {
    return actingRegion(installation.cluster, views);
  } catch (error) {
    if (first === undefined) throw error;
    return views.find(({ region }) => region.kind === first.kind) ?? { region: first, members: null };
  }
}

/** The members' content as soon as all answer and hold the same; what there is, once the time for that is over. */
async function readSettled(hosts: readonly Host[], database: string, run: string, report: Report) {
  let last = await readAnswering(hosts, database, run);
  const isSettled = ({ reads, missing }: typeof last) =>
    missing.length === 0 && reads.every(({ keys }) => keys.length === reads[0]?.keys.length);
  for (const { member, why } of last.missing) {
    report(`${member} cannot be read: ${why}; retrying for ${sameStateTimeoutMs / 1_000} s`);
  }
  const deadline = Date.now() + sameStateTimeoutMs;
  while (!isSettled(last) && Date.now() < deadline) {
    await delay(1_000);
    last = await readAnswering(hosts, database, run);
  }
  return last;
}

/** What each member holds that can be read, and why the others cannot. */
export async function readAnswering(
  hosts: readonly Host[],
  database: string,
  run: string,
): Promise<{ reads: readonly FinalRead[]; missing: readonly MissingMember[] }> {
  const answers = await Promise.all(
    hosts.map((host) =>
      readFinalState([host], database, run).catch((error: Error) => ({ member: host.name, why: error.message })),
    ),
  );
  return {
    reads: answers.flatMap((answer) => ('why' in answer ? [] : answer)),
    missing: answers.flatMap((answer) => ('why' in answer ? [answer] : [])),
  };
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

/** Removes what a run left, on the primary; says what kept it from that. */
function removeRun(primary: Host, database: string, run: string): Promise<string | null> {
  return query(primary, database, `delete from items where name like '${run}-%'`).then(
    () => null,
    (error: Error) => error.message,
  );
}

/** A statement as the superuser, on the machine itself. */
function query(host: Host, database: string, statement: string): Promise<string> {
  const psql = ['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', `--dbname=${database}`];
  return runChecked(host, asPostgres(...psql, `--command=${statement}`), { timeoutMs: queryTimeoutMs });
}
