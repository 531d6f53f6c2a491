import { type Cluster, membersOf, type Region } from '@pgha/infra/cluster';
import { epochKey } from '@pgha/infra/machines';
import { listMembers } from '../../clients/patronictl.ts';
import { type Promotion, promoteRegion } from '../../clients/region.ts';
import type { Host } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import { waitUntil } from '../../wait-until.ts';
import { readStored } from './stored.ts';
import type { RegionSight } from './view.ts';

/** A region's next life as the acting one. */
export interface PromotionPlan {
  region: Region;
  epoch: number;
  /** The permanent slots it keeps WAL with for its standby region, beside an operator's own; null: there is no standby region. */
  slots: Record<string, unknown> | null;
}

/**
 * Whether the region acts with the epoch, or a later one.
 *
 * @throws when nobody can tell.
 */
export async function actsWith(
  ways: Pick<Installation, 'host' | 'signal'>,
  { region, epoch }: PromotionPlan,
): Promise<boolean> {
  const own = await readStored(ways, region);
  return own.known && !own.standby && own.epoch >= epoch;
}

/**
 * Promotes a standby region and returns once it has acknowledged a commit. One write to its etcd ends the standby and raises the
 * epoch: nobody ever sees the one without the other.
 *
 * @param leader the member that led it when it was last looked at.
 * @param afterLsn nothing is done before the record there has arrived; null: with whatever there is.
 */
export async function promote(
  ways: Pick<Installation, 'cluster' | 'host' | 'signal'>,
  { region, epoch, slots }: PromotionPlan,
  leader: Host | null,
  afterLsn: string | null,
): Promise<Promotion> {
  const configuration = { [epochKey]: epoch, standby_cluster: null, pause: null, ...(slots === null ? {} : { slots }) };
  const on = (host: Host) => promoteRegion(host, configuration, afterLsn);
  if (leader === null) return on(await leadingHost(ways, region));
  return on(leader).catch(async (error: Error) => {
    if (!/does not lead|is not running/.test(error.message)) throw error;
    return on(await leadingHost(ways, region));
  });
}

/** The host of the member that leads a region in this view; null: nobody does. */
export function leaderIn(ways: Pick<Installation, 'host'>, { region, members }: RegionSight): Host | null {
  const leader = members?.find(({ isLeader }) => isLeader)?.name;
  const node = membersOf(region).find(({ name }) => name === leader);
  return node === undefined ? null : ways.host(node);
}

/** The host of the member that leads a region now; waits for one to be elected. */
export function leadingHost(ways: Pick<Installation, 'host' | 'signal'>, region: Region): Promise<Host> {
  const nodes = membersOf(region);
  return waitUntil(
    async () => {
      const members = await Promise.any(nodes.map((node) => listMembers(ways.host(node))));
      const leader = members.find(({ isLeader }) => isLeader)?.name;
      const node = nodes.find(({ name }) => name === leader);
      return node === undefined ? null : ways.host(node);
    },
    { what: `${region.awsRegion} to elect a leader`, timeoutMs: 60_000, everyMs: 500, signal: ways.signal },
  );
}

/** Whether a cluster promises that an acknowledged commit is on two machines, and the region cannot keep that. */
export function isAlone(cluster: Cluster, region: Region): boolean {
  return membersOf(region).length === 1 && membersOf(cluster.primary).length > 1;
}
