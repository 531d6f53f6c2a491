import { membersOf, type Node, type Region } from '@pgha/infra/cluster';
import { slotsFor } from '@pgha/infra/machines';
import { configureRegion, type Promotion, retireRegion, undoRetirement } from '../../clients/region.ts';
import { RefusedError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import { hostsOf, type Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import type { OperationRun } from '../operation.ts';
import { readDynamic, standbyPatch } from '../region-settings.ts';
import { type BegunBackup, beginFullBackup } from './backup.ts';
import { admitEverywhere, isShutOutAnywhere } from './fence.ts';
import { actsWith, isAlone, leaderIn, promote } from './promote.ts';
import { type PointedServer, pointAllServices, turnServices } from './services.ts';
import { readStored } from './stored.ts';
import { waitUntilStreaming } from './streaming.ts';
import {
  type DrView,
  factsOf,
  lagBytesOf,
  nextEpoch,
  otherRegion,
  type Perform,
  regionNamed,
  roleText,
  standbyOf,
  viewDr,
} from './view.ts';

/** A planned move of the writes from one region to the other. */
interface Move {
  from: Region;
  to: Region;
  /** The epoch the region that takes over gets. */
  epoch: number;
  /** The member of `from` that is the primary, or was when the move began. */
  primary: string;
}

/** What became known on the way; moments are milliseconds since 1970 on this computer's clock. */
interface MoveRecord {
  stoppingAtMs: number | null;
  promotion: Promotion | null;
  acknowledgedAtMs: number | null;
  servers: readonly PointedServer[];
  backup: BegunBackup | null;
}

/** A planned move that came to its end. */
export interface RegionMove {
  from: string;
  to: string;
  epoch: number;
  timeline: number | null;
  /** From the last moment the old primary was told to go on to the first commit of the new one; null: an earlier run did it. */
  withoutPrimarySeconds: number | null;
  servers: readonly PointedServer[];
  backup: BegunBackup | null;
  isAlone: boolean;
}

/**
 * Moves the writes to a region, under the locks of both.
 *
 * @param wanted the region; null: the one that is the standby.
 */
export async function moveRegion(
  installation: Installation,
  wanted: Region | null,
  { memory, signal }: OperationRun,
  perform: Perform,
): Promise<RegionMove> {
  const { cluster } = installation;
  const begun = await viewDr(installation);
  const to = regionNamed(cluster, await memory.choose('to', () => (wanted ?? standbyOf(begun)).awsRegion));
  const from = otherRegion(cluster, to);
  const view = await viewOnceLagIsKnown(installation, begun, to);
  const leader = view[from.kind].members?.find(({ role }) => role === 'leader')?.name ?? null;
  // while the old primary still leads, nothing of an earlier run is left to go on with
  if (leader !== null || !memory.isResumed) refuseMove(view, to, lagBytesOf(view, to));
  const epoch = Number(await memory.choose('epoch', () => `${nextEpoch(view)}`));
  const primary = await memory.choose('primary', () => leader ?? '');
  if (leader !== null && leader !== primary) {
    throw new RefusedError(
      `${primary} was the primary when this operation started, but ${leader} is now. Discard it with "pgha operations forget", then rerun the command`,
    );
  }
  const record: MoveRecord = { stoppingAtMs: null, promotion: null, acknowledgedAtMs: null, servers: [], backup: null };
  await perform(planMove(installation, view, { from, to, epoch, primary }, record, signal));
  const { stoppingAtMs, promotion, acknowledgedAtMs, servers, backup } = record;
  return {
    from: from.awsRegion,
    to: to.awsRegion,
    epoch,
    timeline: promotion?.timeline ?? null,
    withoutPrimarySeconds:
      stoppingAtMs === null || acknowledgedAtMs === null ? null : (acknowledgedAtMs - stoppingAtMs) / 1_000,
    servers,
    backup,
    isAlone: isAlone(cluster, to),
  };
}

/** Behind this much the standby would keep clients waiting until it has caught up. */
const mostLagBytes = 64 * 1024 ** 2;

/** What a move would do from here; nothing is changed. */
export async function planSwitchover(
  installation: Installation,
  wanted: Region | null,
  signal: AbortSignal,
): Promise<readonly Step[]> {
  const view = await viewDr(installation);
  const to = wanted ?? standbyOf(view);
  const from = otherRegion(installation.cluster, to);
  const leader = view[from.kind].members?.find(({ isLeader }) => isLeader)?.name ?? membersOf(from)[0]?.name ?? '';
  const record: MoveRecord = { stoppingAtMs: null, promotion: null, acknowledgedAtMs: null, servers: [], backup: null };
  return planMove(installation, view, { from, to, epoch: nextEpoch(view), primary: leader }, record, signal);
}

/** A standby that has just begun to follow tells its position with its watch's next round. */
async function viewOnceLagIsKnown(installation: Installation, begun: DrView, to: Region): Promise<DrView> {
  if (factsOf(begun, to).role !== 'standby' || lagBytesOf(begun, to) !== null) return begun;
  const look = async () => {
    const view = await viewDr(installation);
    return lagBytesOf(view, to) === null ? null : view;
  };
  return waitUntil(look, {
    what: `${to.awsRegion} to report its replication position`,
    timeoutMs: 30_000,
    everyMs: 1_000,
    signal: installation.signal,
  }).catch(() => begun);
}

/**
 * Says no where a move would not be without loss, or not be quick.
 *
 * @throws RefusedError with what stands in the way.
 */
function refuseMove(view: DrView, to: Region, lagBytes: number | null): void {
  const from = to.kind === 'primary' ? view.dr : view.primary;
  const facts = [from.region, to].map((region) => ({ region, ...factsOf(view, region) }));
  const [left, right] = facts;
  if (left?.role !== 'acting' || right?.role !== 'standby') {
    const seen = facts.map(({ region, role }) => `${region.awsRegion} is ${roleText({ role })}`).join(', ');
    throw new RefusedError(
      `${from.region.awsRegion} must be the active region and ${to.awsRegion} its standby: ${seen}`,
    );
  }
  const unwell = [from, view[to.kind]].flatMap(({ region, members }) =>
    membersOf(region).flatMap(({ name }) => {
      const member = members?.find((each) => each.name === name);
      const isWell = member !== undefined && (member.isWell || member.state === 'streaming');
      return isWell ? [] : [`${name} is ${member?.state ?? 'unreachable'}`];
    }),
  );
  if (unwell.length > 0) {
    throw new RefusedError(`every member of both regions must be healthy: ${unwell.join(', ')}. Check "pgha status"`);
  }
  if (lagBytes === null || lagBytes > mostLagBytes) {
    throw new RefusedError(
      `${to.awsRegion} is ${lagBytes ?? 'an unknown number of'} bytes behind: writes would wait until it has caught up. Try again when it has`,
    );
  }
}

/**
 * The steps of a planned move: the primary is ended cleanly, which sends the standby the last of it; that is checked; then the
 * standby is promoted and the former region follows it. Nothing that was acknowledged is lost, and nobody is promoted meanwhile.
 */
function planMove(
  installation: Installation,
  view: DrView,
  move: Move,
  record: MoveRecord,
  signal: AbortSignal,
): readonly Step[] {
  const { from, to, epoch } = move;
  const promotion = { region: to, epoch, slots: slotsFor(from) };
  const hasMoved = () => actsWith(installation, promotion);
  const primary = installation.host(nodeIn(from, move.primary));
  const next = leaderIn(installation, view[to.kind]);
  const retired: { checkpointLsn: string | null } = { checkpointLsn: null };
  const retire = async () => {
    record.stoppingAtMs = Date.now();
    retired.checkpointLsn = (await retireRegion(primary)).checkpointLsn;
    return retired.checkpointLsn;
  };
  return [
    {
      title: `Allow ${to.awsRegion} to write to both backup repositories`,
      isDone: async () => !(await isShutOutAnywhere(installation, to)),
      run: () => admitEverywhere(installation, to),
    },
    {
      title: `Shut down the primary ${move.primary} cleanly, without a failover in ${from.awsRegion}`,
      isNeeded: async () => !(await hasMoved()),
      run: async (report) => report(`shutdown checkpoint at ${await retire()}`),
    },
    {
      title: `Promote ${to.awsRegion} once it has received all WAL (epoch ${epoch})`,
      isDone: async () => record.promotion !== null && (await hasMoved()),
      run: async (report) => {
        const afterLsn = (await hasMoved()) ? null : (retired.checkpointLsn ?? (await retire()));
        const [made] = await Promise.all([
          promote(installation, promotion, next, afterLsn),
          turnServices(installation, to),
        ]).catch(async (error: unknown) => {
          await goBack(installation, from, promotion, primary).catch((problem: Error) => report(problem.message));
          throw error;
        });
        record.promotion = made;
        record.acknowledgedAtMs = Date.now();
        report(`timeline ${made.timeline}`);
      },
    },
    pointAllServices(
      installation,
      to,
      // the former primary has ended: whoever was connected to it looks for the next one
      () => false,
      (servers) => {
        record.servers = servers;
      },
    ),
    becomeStandby(installation, from, epoch),
    waitUntilStreaming(installation, from, signal),
    beginFullBackup(installation, to, record),
  ];
}

/** Where the standby was not promoted nothing was lost or decided: the region goes on as it was. */
async function goBack(
  installation: Installation,
  from: Region,
  promotion: Parameters<typeof actsWith>[1],
  primary: Host,
): Promise<void> {
  if (await actsWith(installation, promotion)) return;
  await undoRetirement(primary);
  await turnServices(installation, from);
}

/**
 * Makes a region whose data is a part of the acting one's its standby. The epoch becomes the acting region's: a standby that is
 * promoted one day starts from it.
 */
export function becomeStandby(
  installation: Pick<Installation, 'cluster' | 'host' | 'signal'>,
  region: Region,
  epoch: number,
): Step {
  const acting = otherRegion(installation.cluster, region);
  const hosts = membersOf(region).map((node) => installation.host(node));
  return {
    title: `Make ${region.awsRegion} the standby region`,
    isDone: async () => {
      const own = await readStored(installation, region);
      return own.standby && own.epoch >= epoch;
    },
    run: async () => {
      const now = await readDynamic(installation.cluster, hostsOf(installation, region, 'etcd'));
      const patch = standbyPatch(installation.cluster, region, acting, epoch, now);
      await firstOf(hosts, (host) => configureRegion(host, patch));
    },
  };
}

/** Does something on the first host that lets it be done. */
async function firstOf<T>(hosts: readonly Host[], work: (host: Host) => Promise<T>): Promise<T> {
  const reasons: string[] = [];
  for (const host of hosts) {
    try {
      return await work(host);
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new Error(reasons.join('; ') || 'the region has no database node');
}

function nodeIn(region: Region, name: string): Node {
  const node = membersOf(region).find((each) => each.name === name);
  if (node === undefined) throw new RefusedError(`${name} is not a member of ${region.awsRegion}`);
  return node;
}
