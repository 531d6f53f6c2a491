import { nodeNamed } from '@pgha/infra/cluster';
import { runChecked } from '../hosts/host.ts';
import type { Installation } from '../installation/installation.ts';
import { actingRegion, memberHosts, viewRegions, waitUntilWhole } from '../operations/regions.ts';
import { chooseCandidate, planSwitchover } from '../operations/switchover.ts';
import { type Report, runStep } from '../step.ts';
import { waitUntil } from '../wait-until.ts';

/** Something that takes the primary away, planned or not. */
export interface Fault {
  summary: string;
  /** Causes it, and returns when somebody leads again and the machines are all on. */
  cause(installation: Installation, report: Report): Promise<void>;
}

/** What a primary can be lost by, from the mildest on. */
export const faults = {
  switchover: {
    summary: 'planned switchover',
    cause: async (installation, report) => {
      const { region, members } = await acting(installation);
      const setting = { installation, region, signal: installation.signal };
      for (const step of planSwitchover(setting, members, chooseCandidate(members))) await runStep(step, report);
    },
  },
  postmaster: {
    summary: 'primary process crash (SIGKILL to the postmaster)',
    cause: async (installation) => {
      const { leader } = await acting(installation);
      await runChecked(leader, ['pkill', '-KILL', '--oldest', '-u', 'postgres', '-x', 'postgres']);
    },
  },
  'power-cut': {
    summary: 'host failure of the primary',
    cause: async (installation, report) => {
      const { cluster, power, signal } = installation;
      const { region, leader } = await acting(installation);
      const machine = nodeNamed(cluster, leader.name);
      await power.cut(machine);
      report(`${leader.name} is powered off`);
      const isReplaced = async () => {
        const { members } = actingRegion(cluster, await viewRegions(installation));
        return members?.some(({ name, isLeader }) => isLeader && name !== leader.name) === true;
      };
      await waitUntil(isReplaced, {
        what: `another member of ${region.awsRegion} to become the primary`,
        timeoutMs: 120_000,
        everyMs: 500,
        signal,
      });
      await power.start(machine);
    },
  },
} as const satisfies Record<string, Fault>;

/** Waits until every member is back after a fault, and the next one would do no more harm than it. */
export async function waitUntilHealed(installation: Installation, report: Report): Promise<void> {
  const { region } = await acting(installation);
  const { signal } = installation;
  await waitUntilWhole(installation, region, null, report, signal);
  // a replica streams a moment before Patroni counts on it, and until then a second fault is one too many
  const isCovered = async () => {
    const { members } = await acting(installation);
    return members.length === 1 || members.some(({ role }) => role === 'sync_standby' || role === 'quorum_standby');
  };
  const what = `a synchronous standby in ${region.awsRegion}`;
  await waitUntil(isCovered, { what, timeoutMs: 60_000, everyMs: 500, signal });
}

async function acting(installation: Installation) {
  const { region, members } = actingRegion(installation.cluster, await viewRegions(installation));
  if (members === null) throw new Error(`no member of ${region.awsRegion} responded`);
  const name = members.find(({ isLeader }) => isLeader)?.name ?? '';
  const leader = memberHosts(installation, region).get(name);
  if (leader === undefined) throw new Error(`there is no primary in ${region.awsRegion}`);
  return { region, members, leader };
}
