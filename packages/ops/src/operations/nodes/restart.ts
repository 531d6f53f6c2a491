import { membersOf, type Node, nodesOf } from '@pgha/infra/cluster';
import { reinitMember, restartMember } from '../../clients/patronictl.ts';
import { memberSlotOf } from '../../clients/slots.ts';
import { RefusedError, UsageError } from '../../exit-codes.ts';
import { runChecked } from '../../hosts/host.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { firstBoot, waitForMachines } from '../deploy/readiness.ts';
import { planSlotAgain } from '../invalidated-slot.ts';
import { memberHosts, viewRegion, waitUntilWhole } from '../regions.ts';
import { planJoin, planQuorumCheck } from './etcd-member.ts';
import { type NodeSetting, planDataElsewhere, planNoLeader, planNoSecondLoss } from './replace.ts';

const rebootTimeoutMs = 10 * 60_000;

/**
 * The steps that restart what a machine serves: PostgreSQL on a database machine, etcd, both services one after the other.
 *
 * @throws UsageError for a machine that has nothing to restart but itself.
 */
export function planRestart(setting: NodeSetting): readonly Step[] {
  const { installation, region, node, signal } = setting;
  const host = installation.host(node);
  const whole: Step = {
    title: `Wait until every member of ${region.awsRegion} has caught up`,
    run: (report) => waitUntilWhole(installation, region, null, report, signal),
  };
  if (isDatabase(node)) {
    return [
      planNoLeader(setting),
      planNoSecondLoss(setting),
      {
        title: `Restart PostgreSQL on ${node.name}`,
        run: () => restartMember(host, installation.cluster.scope, node.name),
      },
      whole,
    ];
  }
  if (node.role === 'etcd') {
    return [
      ...quorumCheck(setting),
      { title: `Restart etcd on ${node.name}`, run: () => systemctl(setting, 'restart', 'etcd.service') },
      ...join(setting),
      whole,
    ];
  }
  if (node.role === 'api') {
    return ['pgha-api', 'pgha-read-api'].map((unit) => ({
      // its socket outlives it: connections wait, none is refused
      title: `Restart ${unit} on ${node.name}`,
      run: () => systemctl(setting, 'restart', `${unit}.service`),
    }));
  }
  throw new UsageError(`${node.name} runs no service to restart. Reboot the node itself with --reboot`);
}

/** The steps that reboot a machine and wait until it is what it was. */
export function planReboot(setting: NodeSetting, bootBefore: string): readonly Step[] {
  const { installation, region, node, signal } = setting;
  const hasRebooted = async () => (await readBoot(setting)) !== bootBefore;
  const checks = [
    ...(isDatabase(node) ? [planNoLeader(setting), planNoSecondLoss(setting)] : []),
    ...(node.role === 'etcd' ? quorumCheck(setting) : []),
  ];
  return [
    // of a reboot that has happened there is nothing left to refuse
    ...checks.map((check) => ({ ...check, isNeeded: async () => !(await hasRebooted().catch(() => false)) })),
    {
      title: `Reboot ${node.name}`,
      isDone: () => hasRebooted().catch(() => false),
      run: async () => {
        await installation.power.reboot(node);
        await waitUntil(hasRebooted, {
          what: `${node.name} to boot`,
          timeoutMs: rebootTimeoutMs,
          everyMs: 2_000,
          signal,
        });
      },
    },
    {
      title: `Check the services of ${node.name}`,
      run: (report) =>
        waitForMachines([node], (each) => installation.host(each), report, signal, firstBoot(installation)),
    },
    ...(node.role === 'etcd' ? join(setting) : []),
    {
      title: `Wait until every member of ${region.awsRegion} has caught up`,
      run: (report) => waitUntilWhole(installation, region, null, report, signal),
    },
  ];
}

/** Which boot a machine is in. */
export async function readBoot({ installation, node }: NodeSetting): Promise<string> {
  return (await runChecked(installation.host(node), ['cat', '/proc/sys/kernel/random/boot_id'])).trim();
}

/**
 * The steps that reinitialize a member from a backup or from the primary.
 *
 * @throws UsageError when the machine is none of the members.
 */
export function planReinit(setting: NodeSetting): readonly Step[] {
  const { installation, region, node, signal } = setting;
  if (!isDatabase(node)) {
    const names = membersOf(region).map(({ name }) => name);
    throw new UsageError(`${node.name} is not a database node. Only these can be reinitialized: ${names.join(', ')}`);
  }
  return [
    planNoLeader(setting),
    planNoStandbyLeader(setting),
    planNoSecondLoss(setting),
    planDataElsewhere(setting),
    planSlotAgain(installation, region, memberSlotOf(node.name), signal),
    {
      title: `Reinitialize ${node.name}`,
      run: async () => {
        const host = memberHosts(installation, region).get(node.name);
        if (host === undefined) throw new RefusedError(`${node.name} is not a member of ${region.awsRegion}`);
        await reinitMember(host, installation.cluster.scope, node.name);
      },
    },
    {
      title: `Wait until every member of ${region.awsRegion} has caught up`,
      run: (report) => waitUntilWhole(installation, region, null, report, signal),
    },
  ];
}

/** Patroni reinitializes a member from the leader of its own region, so it refuses that one (patroni/ctl.py, `reinit`). */
function planNoStandbyLeader({ installation, region, node }: NodeSetting): Step {
  return {
    title: `Check that ${node.name} replicates from a member of its own region`,
    run: async () => {
      const { members } = await viewRegion(installation, region);
      const own = members?.find(({ name }) => name === node.name);
      const isAlone = region.kind === 'dr' && membersOf(region).length === 1;
      if (own?.role !== 'standby_leader' && !isAlone) return;
      throw new RefusedError(
        `${node.name} is the standby leader, and Patroni can only reinitialize replicas of a leader. ` +
          'Rebuild the region from the active one: pgha dr rejoin --rebuild',
      );
    },
  };
}

const isDatabase = ({ role }: Node) => role === 'postgres' || role === 'standby';

/** A region with a single etcd member is without it for a moment; nobody could take over there anyway. */
const quorumCheck = (setting: NodeSetting) =>
  nodesOf(setting.region, 'etcd').length === 1 ? [] : [planQuorumCheck(setting)];
const join = (setting: NodeSetting) => (nodesOf(setting.region, 'etcd').length === 1 ? [] : [planJoin(setting)]);

async function systemctl({ installation, node }: NodeSetting, verb: string, unit: string): Promise<void> {
  await runChecked(installation.host(node), ['systemctl', verb, unit], { timeoutMs: 120_000 });
}
