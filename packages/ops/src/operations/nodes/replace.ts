import { membersOf, type Node, type Region } from '@pgha/infra/cluster';
import type { ListedMember } from '../../clients/patronictl.ts';
import { RefusedError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { firstBoot, waitForMachines } from '../deploy/readiness.ts';
import { memberHosts, type RegionView, viewRegion, waitUntilWhole } from '../regions.ts';
import { findWriters, refuseHiddenPrimary } from '../writers.ts';
import { planAnnouncement, planJoin, planQuorumCheck, planRemoval } from './etcd-member.ts';

/** A machine that an operation is about. */
export interface NodeSetting {
  installation: Installation;
  region: Region;
  node: Node;
  signal: AbortSignal;
}

/** What tells a machine from the one before it in its place; null: it cannot be asked. */
export async function readIdentity(host: Host): Promise<string | null> {
  const id = await host.readFile('/etc/machine-id').catch(() => null);
  return id?.trim() ?? null;
}

/**
 * Whether the machine in this place is another one than before.
 *
 * @param before its identity then; null: it could not be asked.
 */
export async function isNewMachine(host: Host, before: string | null): Promise<boolean> {
  const now = await readIdentity(host);
  return now !== null && now !== before;
}

/** What makes the new machine: Terraform on AWS, the lab's own steps here. */
export interface MachineMaker {
  steps: readonly Step[];
  /** Whether the new machine is there already. */
  isThere(): Promise<boolean>;
}

/**
 * The steps that put a new machine in the place of one, with its name and address. The rest of the cluster is whole before,
 * and all of it after. An etcd member is taken out and announced anew: an empty one with the name of one that was there would
 * vote twice.
 */
export function planReplacement(setting: NodeSetting, { steps, isThere }: MachineMaker): readonly Step[] {
  const { installation, region, node, signal } = setting;
  const isMember = membersOf(region).some(({ name }) => name === node.name);
  const isEtcd = node.role === 'etcd';
  return [
    planOthersWell(setting),
    ...(isMember ? [planNoLeader(setting)] : []),
    ...(isEtcd ? [planQuorumCheck(setting), planRemoval(setting, isThere), planAnnouncement(setting)] : []),
    ...steps,
    {
      title: `Wait for ${node.name} to finish provisioning`,
      run: (report) =>
        waitForMachines([node], (each) => installation.host(each), report, signal, firstBoot(installation)),
    },
    ...(isEtcd ? [planJoin(setting)] : []),
    {
      title: `Wait until every member of ${region.awsRegion} has caught up`,
      run: (report) => waitUntilWhole(installation, region, null, report, signal),
    },
  ];
}

/** Nobody takes a machine away from a cluster that already misses one. */
function planOthersWell(setting: NodeSetting): Step {
  const { region, node } = setting;
  return {
    title: `Check that every other member of ${region.awsRegion} is healthy`,
    run: async (report) => {
      const members = await membersNow(setting, 'the state of the members');
      refuseUnwell(region, members, node);
      report(`${members.length} members`);
    },
  };
}

/** A member that is well does not go while another one is away. One that is not well protects nothing, and may be mended. */
export function planNoSecondLoss(setting: NodeSetting): Step {
  const { region, node } = setting;
  return {
    title: `Check that ${region.awsRegion} is healthy without ${node.name}`,
    run: async (report) => {
      const members = await membersNow(setting, `whether ${node.name} is needed`);
      const own = members.find(({ name }) => name === node.name);
      if (own?.isWell !== true) return report(`${node.name} itself is ${own?.state ?? 'unreachable'}`);
      refuseUnwell(region, members, node);
    },
  };
}

/**
 * Data is thrown away only while a primary has it: without one, and while one that has lost its power still holds the lease, this
 * member may be the only one that has the last commits.
 */
export function planDataElsewhere(setting: NodeSetting): Step {
  const { installation, region, node } = setting;
  return {
    title: `Check that another member has the data of ${node.name}`,
    run: async (report) => {
      const members = await membersNow(setting, `which member has the data of ${node.name}`);
      const leader = members.find(({ name, isLeader }) => isLeader && name !== node.name);
      const host = leader === undefined ? undefined : memberHosts(installation, region).get(leader.name);
      if (leader === undefined || host === undefined) {
        throw new RefusedError(
          `there is no primary in ${region.awsRegion}, so ${node.name} may be the only member with the last commits: wait for the automatic ` +
            'failover. If it does not happen, "pgha failover --dry-run" shows what each member has',
        );
      }
      await host.run(['true']).catch((error: Error) => {
        throw new RefusedError(
          `${leader.name} is the primary of ${region.awsRegion} and is unreachable, so ${node.name} may be the only member with the last ` +
            `commits: ${error.message}`,
        );
      });
      report(`${leader.name} is the primary`);
    },
  };
}

/** @throws RefusedError when a member other than this one is not well. */
function refuseUnwell(region: Region, members: readonly ListedMember[], node: Node): void {
  const unwell = membersOf(region)
    .filter(({ name }) => name !== node.name)
    .filter(({ name }) => !members.some((member) => member.name === name && member.isWell))
    .map(({ name }) => `${name} is ${members.find((member) => member.name === name)?.state ?? 'unreachable'}`);
  if (unwell.length > 0) throw new RefusedError(`${unwell.join(', ')}. Recover it first`);
}

/** @throws RefusedError when no machine of the region can be asked. */
async function membersNow({ installation, region }: NodeSetting, what: string): Promise<readonly ListedMember[]> {
  return membersOfView(await viewRegion(installation, region), what);
}

function membersOfView({ members, problem }: RegionView, what: string): readonly ListedMember[] {
  if (members === null) throw new RefusedError(`cannot determine ${what}: ${problem}`);
  return members;
}

/**
 * A primary is never taken away, and no member at all while the primary holds on without etcd, which it does only as long as every
 * member answers it. A standby region's only member may go, because nobody writes there.
 */
export function planNoLeader(setting: NodeSetting): Step {
  const { node } = setting;
  return {
    title: `Check that ${node.name} is not the primary`,
    run: async (report) => {
      const { installation, region } = setting;
      const [view, writers] = await Promise.all([
        viewRegion(installation, region),
        findWriters(installation, [region]),
      ]);
      refuseHiddenPrimary([view], writers);
      const members = membersOfView(view, `whether ${node.name} is the primary`);
      const own = members.find(({ name }) => name === node.name);
      report(own?.role ?? 'not a member of the cluster');
      if (own?.role !== 'leader') return;
      const others = members.filter(({ name }) => name !== node.name).map(({ name }) => name);
      throw new RefusedError(
        `${node.name} is the primary. Switch over first: pgha switchover${others[0] === undefined ? '' : ` --to ${others[0]}`}`,
      );
    },
  };
}
