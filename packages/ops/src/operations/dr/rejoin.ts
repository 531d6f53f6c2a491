import { membersOf, type Region } from '@pgha/infra/cluster';
import { repositoryNumber, slotsFor, standbySlotOf } from '@pgha/infra/machines';
import { readHistory } from '../../clients/patronictl.ts';
import { configureRegion, inspectLost, type LostCommits, readOwnRegion, restoreLost } from '../../clients/region.ts';
import { RefusedError } from '../../exit-codes.ts';
import { runChecked } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { planSlotAgain } from '../invalidated-slot.ts';
import type { Memory, OperationRun } from '../operation.ts';
import { demotedName, formerDemotedName } from '../restore/kept.ts';
import { refuseHiddenPrimary } from '../writers.ts';
import { becomeStandby } from './move.ts';
import { leadingHost } from './promote.ts';
import { type PointedServer, pointAllServices } from './services.ts';
import { readStored } from './stored.ts';
import { notStreaming, waitUntilStreaming } from './streaming.ts';
import { type DrView, factsOf, otherRegion, type Perform, viewDr } from './view.ts';

/** A region that was brought back. */
export interface Rejoin extends RejoinRecord {
  region: string;
  acting: string;
}

/**
 * Brings the former primary region back as the standby, under the locks of both.
 *
 * @param rebuild replaces the data of one that streams too.
 */
export async function rejoinRegion(
  installation: Installation,
  lost: Region,
  { memory, signal }: OperationRun,
  perform: Perform,
  rebuild = false,
): Promise<Rejoin> {
  const view = await viewDr(installation);
  refuseRejoin(view, lost);
  const acting = otherRegion(installation.cluster, lost);
  const epoch = factsOf(view, acting).epoch ?? 1;
  const record: RejoinRecord = { lost: [], restored: [], servers: [] };
  await perform(planRejoin(installation, lost, epoch, memory, record, signal, rebuild));
  return { region: lost.awsRegion, acting: acting.awsRegion, ...record };
}

/** What became known on the way. */
interface RejoinRecord {
  /** What each member held that the acting region never got; null: nothing, or it cannot be told. */
  lost: readonly { member: string; lost: LostCommits | null }[];
  restored: readonly { member: string; from: string; kept: string | null }[];
  servers: readonly PointedServer[];
}

/** A machine boots, its etcd finds the others. */
const bootTimeoutMs = 300_000;

/**
 * Says no where bringing a region back would throw away what nobody else has.
 *
 * @throws RefusedError
 */
function refuseRejoin(view: DrView, lost: Region): void {
  const acting = lost.kind === 'primary' ? view.dr : view.primary;
  const [actingFacts, lostFacts] = [factsOf(view, acting.region), factsOf(view, lost)];
  refuseHiddenPrimary([acting], acting.writers);
  if (actingFacts.role !== 'acting' || acting.members?.some(({ role }) => role === 'leader') !== true) {
    throw new RefusedError(
      `${acting.region.awsRegion} must be the active region and have a primary before ${lost.awsRegion} can rejoin as its standby`,
    );
  }
  const [writer] = (lost.kind === 'primary' ? view.primary : view.dr).writers;
  if (writer !== undefined) {
    throw new RefusedError(
      `split-brain: ${writer.name} of ${lost.awsRegion} accepts writes although ${acting.region.awsRegion} is the active region. ` +
        `Stop it first: systemctl stop patroni on ${writer.name}. Its unreplicated transactions are then counted and retained`,
    );
  }
  if (lostFacts.role === 'acting' && (lostFacts.epoch ?? 0) >= (actingFacts.epoch ?? 0)) {
    throw new RefusedError(
      `${lost.awsRegion} has region epoch ${lostFacts.epoch}, ${acting.region.awsRegion} has ${actingFacts.epoch}: ${lost.awsRegion} is not the former primary region`,
    );
  }
}

/**
 * The steps that bring the former primary region back as the standby of the acting one. What it alone holds is counted and, where
 * there is room, kept aside; then its data is replaced.
 *
 * @param rebuild does it to a region that streams too: its copy may differ from what it follows.
 */
export function planRejoin(
  installation: Installation,
  lost: Region,
  epoch: number,
  memory: Memory,
  record: RejoinRecord,
  signal: AbortSignal,
  rebuild: boolean,
): readonly Step[] {
  const { cluster } = installation;
  const acting = otherRegion(cluster, lost);
  const nodes = membersOf(lost);
  const hosts = nodes.map((node) => installation.host(node));
  const isBack = async () =>
    (await notStreaming(installation, lost)).length === 0 && (await readStored(installation, lost)).standby;
  // once, whatever it was interrupted behind
  const isMissing = async () => (rebuild && memory.recall('rebuilt') === null) || !(await isBack());
  return [
    {
      title: `Retain WAL for ${lost.awsRegion} in ${acting.awsRegion} (replication slot)`,
      isNeeded: isMissing,
      run: async () => configureRegion(await leadingHost(installation, acting), { slots: slotsFor(lost) }),
    },
    {
      title: `Count transactions that exist only in ${lost.awsRegion}`,
      isNeeded: isMissing,
      run: async (report) => {
        const history = await readHistory(await leadingHost(installation, acting));
        const found = await Promise.all(
          hosts.map(async (host) => ({ member: host.name, lost: (await inspectLost(host, history)).lost })),
        );
        // a rejoin that an older release began has named what it keeps; this one decides before it counts
        if (memory.recall('lost') === null) await memory.choose('keepAs', () => demotedName(memory.since));
        // once the data is replaced it cannot be counted again
        record.lost = JSON.parse(await memory.choose('lost', () => JSON.stringify(found))) as RejoinRecord['lost'];
        report(describeLost(record.lost));
      },
    },
    // before the data: what is written from then on is kept for it
    planSlotAgain(installation, acting, standbySlotOf(lost), signal),
    {
      title: `Restore the data of ${acting.awsRegion} on ${nodes.map(({ name }) => name).join(', ')}`,
      isNeeded: isMissing,
      run: async (report) => {
        // the same however often it is interrupted: a half restored copy is not retained in addition
        const keepAs = memory.recall('keepAs') ?? formerDemotedName(memory.since);
        const richest = mostLost(record.lost)?.member ?? null;
        const sources = {
          // its own repository first: nobody but its own primary has written there since
          repositories: [repositoryNumber(acting), repositoryNumber(lost)],
          upstream: membersOf(acting)
            .map(({ hostname }) => hostname)
            .join(','),
        };
        record.restored = await Promise.all(
          hosts.map(async (host) => {
            const made = await restoreLost(host, { ...sources, keepAs: host.name === richest ? keepAs : null });
            report(`${host.name} from ${made.from}`);
            return { member: host.name, ...made };
          }),
        );
        if (rebuild) await memory.choose('rebuilt', () => 'yes');
      },
    },
    becomeStandby(installation, lost, epoch),
    {
      title: `Start Patroni on ${nodes.map(({ name }) => name).join(', ')}`,
      run: async () => {
        await Promise.all(hosts.map((host) => runChecked(host, ['systemctl', 'start', 'patroni.service'])));
      },
    },
    waitUntilStreaming(installation, lost, signal),
    pointAllServices(
      installation,
      acting,
      () => false,
      (servers) => {
        record.servers = servers;
      },
    ),
  ];
}

/** The member that holds the most of what was lost. */
export function mostLost(lost: RejoinRecord['lost']): { member: string; lost: LostCommits } | null {
  const holding = lost.flatMap(({ member, lost: commits }) =>
    commits !== null && commits.commits > 0 ? [{ member, lost: commits }] : [],
  );
  return holding.toSorted((a, b) => b.lost.bytes - a.lost.bytes)[0] ?? null;
}

function describeLost(lost: RejoinRecord['lost']): string {
  const most = mostLost(lost);
  if (most === null) return 'none found';
  const { commits, rows, bytes, firstAt, lastAt } = most.lost;
  return `${rows} rows in ${commits} commits, ${bytes} bytes of WAL, from ${firstAt} to ${lastAt}`;
}

/** Starts what is off of a region, and waits until its members are reachable and its etcd answers. */
export function powerOn({ host, power }: Installation, region: Region, signal: AbortSignal): Step {
  const hosts = membersOf(region).map(host);
  return {
    title: `Start the nodes of ${region.awsRegion}`,
    run: async (report) => {
      const states = await Promise.all(region.nodes.map(async (node) => ({ node, state: await power.state(node) })));
      for (const { node } of states.filter((each) => each.state === 'off')) {
        report(node.name);
        await power.start(node);
      }
      await waitUntil(
        async () => {
          const seen = await Promise.all(hosts.map((each) => readOwnRegion(each)));
          return seen.every(({ answers }) => answers);
        },
        { what: `etcd of ${region.awsRegion} to respond`, timeoutMs: bootTimeoutMs, everyMs: 2_000, signal },
      );
    },
  };
}
