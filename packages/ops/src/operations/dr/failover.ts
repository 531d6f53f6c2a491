import { membersOf, type Region } from '@pgha/infra/cluster';
import { type Pace, type Promotion, readPace } from '../../clients/region.ts';
import { RefusedError } from '../../exit-codes.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { runOperation } from '../operation.ts';
import { type BegunBackup, beginFullBackup } from './backup.ts';
import { describeGaps, type Fence, fenceRegion, isComplete, isUnfinished, readFence } from './fence.ts';
import { type Loss, measureLoss } from './loss.ts';
import { actsWith, isAlone, leaderIn, leadingHost, promote } from './promote.ts';
import { type PointedServer, pointAllServices, turnServices } from './services.ts';
import {
  type DrView,
  factsOf,
  nextEpoch,
  otherRegion,
  type Perform,
  type RegionFacts,
  roleText,
  viewDr,
} from './view.ts';

/** What a person agreed to. */
export interface FailoverTerms {
  /** Go ahead although the failed region may still take writes. */
  acceptUnfenced: boolean;
  /** Cut off a region that answers. */
  althoughItAnswers: boolean;
}

/** What became known on the way. */
interface FailoverRecord {
  /** null: it has not been looked at. */
  fence: Fence | null;
  promotion: Promotion | null;
  /** Of the failed region's last commits that were kept. */
  pace: Pace | null;
  backup: BegunBackup | null;
  servers: readonly PointedServer[];
  /** When the first commit after the promotion was acknowledged, on this computer's clock: milliseconds since 1970. */
  acknowledgedAtMs: number | null;
}

/** A failover that came to its end. */
export interface RegionFailover {
  from: string;
  to: string;
  epoch: number;
  timeline: number | null;
  /** Whether the failed region is surely kept from taking writes. */
  isFenced: boolean;
  loss: Loss | null;
  /** From the command to the first acknowledged commit, as this computer saw it: its decision, the fence, the promotion. */
  recoverySeconds: number | null;
  servers: readonly PointedServer[];
  backup: BegunBackup | null;
  /** The region has one database machine: what it acknowledges is on no other. */
  isAlone: boolean;
}

/** Gives up the acting region and promotes the standby. The lock is the standby's: the other etcd is not asked. */
export async function failOverRegion(
  installation: Installation,
  terms: FailoverTerms,
  perform: Perform,
): Promise<RegionFailover> {
  const begunAtMs = Date.now();
  const { cluster } = installation;
  // the region that is down keeps nobody waiting
  const view = await viewDr(installation, 'remembered');
  const { to, actsAlready } = chooseSuccessor(view);
  const from = otherRegion(cluster, to);
  const fence = actsAlready ? null : await readFence(installation, from);
  if (fence !== null) refuseFailover(view, to, fence, terms);
  // the terms are not a part of it: whoever was told that the fence is incomplete goes on with other ones
  return runOperation(installation, to, 'dr failover', async ({ memory }) => {
    if (actsAlready && !memory.isResumed) throw new RefusedError(`${to.awsRegion} is already the active region`);
    const epoch = Number(await memory.choose('epoch', () => `${nextEpoch(view)}`));
    const record: FailoverRecord = {
      fence,
      promotion: null,
      pace: null,
      backup: null,
      servers: [],
      acknowledgedAtMs: null,
    };
    await perform(planRegionFailover(installation, view, to, epoch, terms, record));
    const { promotion, pace, backup, servers, acknowledgedAtMs } = record;
    return {
      from: from.awsRegion,
      to: to.awsRegion,
      epoch,
      timeline: promotion?.timeline ?? null,
      isFenced: record.fence !== null && isComplete(record.fence),
      loss: promotion === null || record.fence === null ? null : measureLoss(promotion, record.fence, pace),
      recoverySeconds: acknowledgedAtMs === null ? null : (acknowledgedAtMs - begunAtMs) / 1_000,
      servers,
      backup,
      isAlone: isAlone(cluster, to),
    };
  });
}

/**
 * The region that takes over: the standby; or, when there is none, the one that acts, because a failover that was interrupted may
 * have promoted it.
 *
 * @throws RefusedError when neither is known.
 */
export function chooseSuccessor(view: DrView): { to: Region; actsAlready: boolean } {
  const regions = [view.primary.region, view.dr.region];
  const withRole = (role: RegionFacts['role']) => regions.filter((region) => factsOf(view, region).role === role);
  const [standby] = withRole('standby');
  if (standby !== undefined) return { to: standby, actsAlready: false };
  const epochOf = (region: Region) => factsOf(view, region).epoch ?? 0;
  const [first, second] = withRole('acting').toSorted((a, b) => epochOf(b) - epochOf(a));
  // the former primary region still says of itself that it acts
  const isAbove = first !== undefined && second !== undefined && epochOf(first) > epochOf(second);
  const isLed = first !== undefined && view[first.kind].members?.some(({ role }) => role === 'leader') === true;
  if (first !== undefined && (second === undefined ? isLed : isAbove)) return { to: first, actsAlready: true };
  const seen = regions.map((region) => `${region.awsRegion} is ${roleText(factsOf(view, region))}`).join(', ');
  throw new RefusedError(`no standby region is available for a failover: ${seen}. "pgha dr status" shows both regions`);
}

/**
 * Says no where a failover would be the wrong thing to do.
 *
 * @param fence the state of the region that is to be given up.
 * @throws RefusedError when it still has a primary, and when the standby has nobody to promote.
 */
function refuseFailover(view: DrView, to: Region, fence: Fence, terms: FailoverTerms): void {
  const from = to.kind === 'primary' ? view.dr : view.primary;
  const isOff = fence.off.length === membersOf(from.region).length;
  if (factsOf(view, from.region).leads && !isOff && !terms.althoughItAnswers) {
    if (from.members?.some(({ isLeader }) => isLeader) !== true) {
      const [writer] = from.writers;
      if (writer !== undefined) {
        throw new RefusedError(
          `${writer.name} of ${from.region.awsRegion} accepts writes${writer.isFailsafe ? ' (failsafe mode)' : ''} although its etcd has ` +
            'no leader: restore its connection to etcd; "pgha status" shows what is missing. ' +
            'To fail over anyway and lose its unreplicated transactions, add --even-if-reachable',
        );
      }
    }
    throw new RefusedError(
      `${from.region.awsRegion} is reachable and has a primary. Use "pgha dr switchover", which loses no data. ` +
        'To fail over anyway and lose its unreplicated transactions, add --even-if-reachable',
    );
  }
  const standby = view[to.kind];
  if (standby.knowledge.size === 0) {
    const why = [...standby.problems.values()].join('; ');
    throw new RefusedError(
      `no database node in ${to.awsRegion} is reachable: ${why}. Check your own network and AWS login first: pgha doctor`,
    );
  }
  if (standby.members?.some(({ isLeader }) => isLeader) !== true) {
    throw new RefusedError(
      `${to.awsRegion} has no leader: repair its etcd or its PostgreSQL servers first. Check "pgha status" and "journalctl -u patroni" there`,
    );
  }
}

/**
 * The steps that make a standby region the acting one without the other's help: the other is fenced first.
 *
 * @param record takes what becomes known.
 */
export function planRegionFailover(
  installation: Installation,
  view: DrView,
  to: Region,
  epoch: number,
  terms: FailoverTerms,
  record: FailoverRecord,
): readonly Step[] {
  const from = otherRegion(installation.cluster, to);
  // nobody streams from it yet, and a slot without a reader keeps WAL until the disk has none left for it
  const promotion = { region: to, epoch, slots: null };
  return [
    {
      title: `Fence ${from.awsRegion}: stop its database nodes, deny access to the backup bucket`,
      isNeeded: async () => {
        // an incomplete one is looked at again when it has been completed; a complete one has to be so now
        if (record.fence === null || isComplete(record.fence)) record.fence = await readFence(installation, from);
        return isUnfinished(record.fence);
      },
      run: async (report) => {
        // whoever still dials the failed region is turned away from it meanwhile
        const [fence] = await Promise.all([fenceRegion(installation, from, report), turnServices(installation, to)]);
        record.fence = fence;
        if (isComplete(fence)) return report(`stopped: ${fence.off.join(', ')}`);
        if (!terms.acceptUnfenced) {
          throw new Error(
            `fencing of ${from.awsRegion} could not be verified: ${describeGaps(fence)}. Stop it by other means and rerun the command, ` +
              'or continue with --accept-unfenced: commits that it acknowledges from now on are lost, and it stops by itself only once it ' +
              'can read the new region epoch',
          );
        }
        report(`continuing without verified fencing: ${describeGaps(fence)}`);
      },
    },
    {
      title: `Promote ${to.awsRegion} (epoch ${epoch})`,
      isDone: async () => record.promotion !== null && (await actsWith(installation, promotion)),
      run: async (report) => {
        const made = await promote(installation, promotion, leaderIn(installation, view[to.kind]), null);
        record.promotion = made;
        record.acknowledgedAtMs = Date.now();
        report(`timeline ${made.timeline}`);
      },
    },
    pointAllServices(
      installation,
      to,
      () => record.fence === null || !isComplete(record.fence),
      (servers) => {
        record.servers = servers;
      },
    ),
    {
      title: `Estimate the data loss of ${from.awsRegion}`,
      run: async (report) => {
        // what it would say is told as unknown; the failover has come to its end without it
        record.pace = await readPace(await leadingHost(installation, to)).catch((error: Error) => {
          report(error.message);
          return null;
        });
      },
    },
    beginFullBackup(installation, to, record),
  ];
}
