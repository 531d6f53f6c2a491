import { membersOf, type Node, type Region } from '@pgha/infra/cluster';
import { RefusedError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitForMachines } from '../deploy/readiness.ts';
import { viewRegion, waitUntilWhole } from '../regions.ts';
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
      title: `First boot of ${node.name}`,
      run: (report) => waitForMachines([node], (each) => installation.host(each), report, signal, 1_000),
    },
    ...(isEtcd ? [planJoin(setting)] : []),
    {
      title: `Every member of ${region.awsRegion} is with its leader`,
      run: (report) => waitUntilWhole(installation, region, null, report, signal),
    },
  ];
}

/** Nobody takes a machine away from a cluster that already misses one. */
function planOthersWell({ installation, region, node }: NodeSetting): Step {
  return {
    title: `Every other member of ${region.awsRegion} is well`,
    run: async (report) => {
      const { members, problem } = await viewRegion(installation, region);
      if (members === null) throw new RefusedError(`nobody can say how the members are: ${problem}`);
      const unwell = membersOf(region)
        .filter(({ name }) => name !== node.name)
        .filter(({ name }) => !members.some((member) => member.name === name && member.isWell))
        .map(({ name }) => `${name} is ${members.find((member) => member.name === name)?.state ?? 'away'}`);
      if (unwell.length > 0) throw new RefusedError(`${unwell.join(', ')}: bring that back first`);
      report(`${members.length} members`);
    },
  };
}

/** A primary is never taken away: a standby region's only member may go, because nobody writes there. */
export function planNoLeader({ installation, region, node }: NodeSetting): Step {
  return {
    title: `${node.name} does not lead`,
    run: async (report) => {
      const { members, problem } = await viewRegion(installation, region);
      if (members === null) throw new RefusedError(`nobody can say whether ${node.name} leads: ${problem}`);
      const own = members.find(({ name }) => name === node.name);
      report(own?.role ?? 'it is not a member now');
      if (own?.role !== 'leader') return;
      const others = members.filter(({ name }) => name !== node.name).map(({ name }) => name);
      throw new RefusedError(
        `${node.name} is the primary. Hand over first: pgha switchover${others[0] === undefined ? '' : ` --to ${others[0]}`}`,
      );
    },
  };
}
