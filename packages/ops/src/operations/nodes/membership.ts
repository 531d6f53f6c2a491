import { allNodes, membersOf, type Region } from '@pgha/infra/cluster';
import { poolLimits } from '@pgha/infra/machines';
import { limitPooler } from '../../clients/pooler.ts';
import { bothRegions, enterAll, type Installation } from '../../installation/installation.ts';
import { secretsInit } from '../../secrets/index.ts';
import { runStep, type Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { compareMachines, isDifferent, planApply } from '../apply.ts';
import { compareRegions } from '../apply-settings.ts';
import { firstBoot, waitForMachines } from '../deploy/readiness.ts';
import { viewRegion, waitUntilWhole } from '../regions.ts';
import { planAnnouncement, planJoin, planLeaving, planQuorumCheck } from './etcd-member.ts';
import { type NodeSetting, planDataElsewhere, planNoLeader, planNoSecondLoss } from './replace.ts';

/** What makes a machine appear, or disappear: Terraform on AWS, the lab's own steps here. */
export type MachineSteps = readonly Step[];

/** Patroni forgets a member whose key in etcd has run out. */
const forgetTimeoutMs = 120_000;

/**
 * The steps that bring a machine into a running cluster which the configuration has and nobody has made yet.
 *
 * @param newMachine makes it.
 */
export function planAddition(setting: NodeSetting, newMachine: MachineSteps): readonly Step[] {
  const { installation, region, node, signal } = setting;
  const { cluster } = installation;
  const isEtcd = node.role === 'etcd';
  const knowledge = planKnowledge(installation, `Roll out the configuration with ${node.name} to all other nodes`);
  return [
    planOthersWhole(setting),
    {
      title: `Create the secrets of ${node.name}`,
      run: async (report) => {
        const { created } = await secretsInit(cluster, installation.secrets(bothRegions(cluster)), new Date(), report);
        report(created.length === 0 ? 'all exist' : `${created.length} created`);
      },
    },
    // etcd counts a member as soon as it is announced, and what the others restart for comes before that: they are fewer then
    ...(isEtcd ? [knowledge, planAnnouncement(setting)] : []),
    ...(isMember(setting) ? [planRoomInPools(setting)] : []),
    ...newMachine,
    {
      title: `Wait for ${node.name} to finish provisioning`,
      run: (report) =>
        waitForMachines([node], (each) => installation.host(each), report, signal, firstBoot(installation)),
    },
    ...(isEtcd ? [planJoin(setting)] : []),
    planWhole(installation, region, signal),
    ...(isEtcd ? [] : [knowledge, planWhole(installation, region, signal)]),
  ];
}

/**
 * The steps that take a machine out of a running cluster which the configuration no longer has.
 *
 * @param removal takes the machine itself away, once nobody needs it.
 */
export function planDeparture(setting: NodeSetting, removal: MachineSteps): readonly Step[] {
  const { installation, region, node, signal } = setting;
  return [
    ...(isMember(setting) ? [planNoLeader(setting), planNoSecondLoss(setting), planDataElsewhere(setting)] : []),
    ...(node.role === 'etcd' ? [planQuorumCheck(setting), planLeaving(setting)] : []),
    planKnowledge(installation, `Roll out the configuration without ${node.name} to all other nodes`),
    {
      title: `Stop ${node.name}`,
      isDone: async () => (await installation.power.state(node)) !== 'running',
      run: () => installation.power.cut(node),
    },
    ...removal,
    ...(isMember(setting)
      ? [
          {
            title: `Remove ${node.name} from the cluster state in Patroni`,
            run: async () => {
              await waitUntil(
                async () => !(await viewRegion(installation, region)).members?.some(({ name }) => name === node.name),
                { what: `Patroni to remove ${node.name}`, timeoutMs: forgetTimeoutMs, everyMs: 2_000, signal },
              );
            },
          },
        ]
      : []),
    planWhole(installation, region, signal),
  ];
}

const isMember = ({ node }: NodeSetting): boolean => node.role === 'postgres' || node.role === 'standby';

/** The connections of a primary are divided by one more PgBouncer: the others give theirs up before it takes its share. */
function planRoomInPools({ installation, region, node }: NodeSetting): Step {
  const { cluster } = installation;
  const limits = poolLimits(cluster, region);
  return {
    title: `Limit the connection pools of the other members to ${limits.maxDbConnections}`,
    run: async (report) => {
      for (const member of membersOf(region)) {
        if (member.name === node.name || (await installation.power.state(member)) !== 'running') continue;
        await limitPooler(installation.host(member), limits);
        report(member.name);
      }
    },
  };
}

/** Nobody is added to a cluster that is not well: it would be copied from a member that is needed. */
function planOthersWhole({ installation, region, node, signal }: NodeSetting): Step {
  const others: Region = { ...region, nodes: region.nodes.filter(({ name }) => name !== node.name) };
  return {
    title: `Wait until every reachable member of ${region.awsRegion} has caught up`,
    run: (report) => waitUntilWhole(installation, others, null, report, signal, 30_000),
  };
}

function planWhole(installation: Installation, region: Region, signal: AbortSignal): Step {
  return {
    title: `Wait until every member of ${region.awsRegion} has caught up`,
    run: (report) => waitUntilWhole(installation, region, null, report, signal),
  };
}

/**
 * Brings every machine that is there to what the changed configuration says, as `pgha apply` does. Of two that are added one after
 * the other, the second one is not there yet.
 */
function planKnowledge(installation: Installation, title: string): Step {
  return {
    title,
    run: async (report) => {
      const nodes = allNodes(installation.cluster);
      const states = await Promise.all(nodes.map((node) => installation.power.state(node)));
      const machines = enterAll(
        installation,
        nodes.filter((_, index) => states[index] !== 'missing'),
      );
      const { cluster } = installation;
      const differences = await compareMachines(cluster, machines);
      const regions = await compareRegions(cluster, machines);
      for (const step of await planApply(cluster, machines, differences, regions, installation.signal)) {
        report(step.title);
        await runStep(step, report);
      }
      report(`${differences.filter(isDifferent).length} nodes changed`);
    },
  };
}
