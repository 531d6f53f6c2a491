import { membersOf, type Node, nodesOf, type Region, regionOf, regionsOf } from '@pgha/infra/cluster';
import { installUpgrades, readUpgrades, restartUpgraded, type UpgradeState } from '../../clients/upgrades.ts';
import { RefusedError } from '../../exit-codes.ts';
import type { Installation } from '../../installation/installation.ts';
import { runStep, type Step } from '../../step.ts';
import { planJoin, planQuorumCheck } from '../nodes/etcd-member.ts';
import { viewRegion, waitUntilWhole } from '../regions.ts';
import { chooseCandidate, planSwitchover } from '../switchover.ts';

/** A machine and what it could be upgraded to. */
export interface MachineUpgrades extends UpgradeState {
  node: Node;
}

/** Asks every machine at once; one that cannot be asked stops everything: a cluster is not upgraded while it misses one. */
export async function viewUpgrades(installation: Installation): Promise<readonly MachineUpgrades[]> {
  const nodes = regionsOf(installation.cluster).flatMap((region) => region.nodes);
  return Promise.all(nodes.map(async (node) => ({ node, ...(await readUpgrades(installation.host(node))) })));
}

/** The machines that have something to do. */
export const outdated = (machines: readonly MachineUpgrades[]) =>
  machines.filter(({ available, pending }) => available.length + pending.length > 0);

/**
 * The order machines are upgraded in: etcd, the standby region, replicas, then each former primary behind a switchover, then
 * what only uses them. What breaks, breaks where it costs least.
 *
 * @param primaries the members that lead the acting region now.
 */
export function orderOfUpgrade(machines: readonly Node[], primaries: ReadonlySet<string>): readonly Node[] {
  const rank = ({ role, name }: Node): number => {
    if (role === 'etcd') return 0;
    if (role === 'standby') return primaries.has(name) ? 3 : 1;
    if (role === 'postgres') return primaries.has(name) ? 3 : 2;
    return 4;
  };
  return machines.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * The steps that bring every outdated machine to the newest minor versions, one at a time, with the whole cluster well in
 * between. A machine that was upgraded before the command was interrupted is done; one whose services still run the old version is
 * gone on with.
 *
 * @param primary the member that leads the acting region now; null: nobody does, which is refused.
 */
export function planMinorUpgrade(
  installation: Installation,
  machines: readonly MachineUpgrades[],
  primary: string | null,
  signal: AbortSignal,
): readonly Step[] {
  if (primary === null)
    throw new RefusedError('there is no primary: upgrade only a healthy cluster. Check "pgha status"');
  const order = orderOfUpgrade(
    outdated(machines).map(({ node }) => node),
    new Set([primary]),
  );
  return order.flatMap((node) => {
    const region = regionOf(installation.cluster, node);
    const setting = { installation, region, node };
    const severalEtcd = node.role === 'etcd' && nodesOf(region, 'etcd').length > 1;
    return [
      ...(severalEtcd ? [planQuorumCheck(setting)] : []),
      ...(node.name === primary ? [planHandOver(installation, region, node, signal)] : []),
      planMachineUpgrade(installation, region, node),
      ...(severalEtcd ? [planJoin(setting)] : []),
      {
        title: `Wait until every member of ${region.awsRegion} has caught up`,
        run: (report) => waitUntilWhole(installation, region, null, report, signal),
      } satisfies Step,
    ];
  });
}

/** A primary is upgraded once it no longer is one. */
function planHandOver(installation: Installation, region: Region, node: Node, signal: AbortSignal): Step {
  return {
    title: `Switch over from ${node.name} if it is the primary`,
    run: async (report) => {
      const { members } = await viewRegion(installation, region);
      if (members?.find(({ name }) => name === node.name)?.isLeader !== true) return report('it is not the primary');
      const candidate = chooseCandidate(members);
      report(`to ${candidate}`);
      for (const step of planSwitchover({ installation, region, signal }, members, candidate)) {
        report(step.title);
        await runStep(step, report);
      }
    },
  };
}

function planMachineUpgrade(installation: Installation, region: Region, node: Node): Step {
  const host = installation.host(node);
  const isMember = membersOf(region).some(({ name }) => name === node.name);
  return {
    title: `Upgrade the packages on ${node.name}`,
    isDone: async () => {
      const { available, pending } = await readUpgrades(host);
      return available.length + pending.length === 0;
    },
    run: async (report) => {
      report('packages');
      const units = await installUpgrades(host);
      // the pooler of a member goes on while its server restarts, so the server comes first
      const order = units.toSorted((a, b) => Number(b === 'patroni.service') - Number(a === 'patroni.service'));
      for (const unit of order) {
        if (isMember && unit === 'patroni.service') await refuseLeading(installation, region, node);
        report(`restarting ${unit}`);
        await restartUpgraded(host, unit);
      }
    },
  };
}

/** Restarting Patroni stops its server: never the primary's. */
async function refuseLeading(installation: Installation, region: Region, node: Node): Promise<void> {
  const { members } = await viewRegion(installation, region);
  if (members?.find(({ name }) => name === node.name)?.role === 'leader') {
    throw new RefusedError(
      `${node.name} became the primary in the meantime. Rerun the command: it switches over first`,
    );
  }
}
