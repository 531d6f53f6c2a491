import { membersOf, type Region } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { etcdOn } from '../../clients/etcd.ts';
import { readRepository } from '../../clients/pgbackrest.ts';
import { type DrillResult, endDrill, runDrill } from '../../clients/region.ts';
import { RefusedError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import { hostsOf, type Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { runOperation } from '../operation.ts';
import { thresholdOf } from '../status/thresholds.ts';
import { rememberDrill } from './drill-record.ts';
import { readFence } from './fence.ts';
import {
  type DrView,
  enterableHosts,
  factsOf,
  lagBytesOf,
  otherRegion,
  type Perform,
  standbyOf,
  viewDr,
} from './view.ts';

/** One thing a failover needs, and whether it was there. */
interface DrillCheck {
  what: string;
  passed: boolean;
  seen: string;
}

export interface Drill {
  at: string;
  operator: string;
  standby: string;
  acting: string;
  passed: boolean;
  /** What a failover would need besides the data. */
  checks: readonly DrillCheck[];
  lagBytes: number | null;
  result: DrillResult;
}

/** A drill that was planned: what it is about, and what its steps have found. */
interface DrillPlan {
  view: DrView;
  standby: Region;
  acting: Region;
  steps: readonly Step[];
  made: { checks: readonly DrillCheck[]; result: DrillResult | null };
}

/** Looks who is the standby, and plans a drill on one of its machines. */
export async function planDrill(installation: Installation): Promise<DrillPlan> {
  const view = await viewDr(installation);
  const standby = standbyOf(view);
  const host = chooseDrillHost(installation, view, standby);
  const made: DrillPlan['made'] = { checks: [], result: null };
  const steps: readonly Step[] = [
    {
      title: 'Check the prerequisites of a failover',
      run: async (report) => {
        made.checks = await checkNeeds(installation, view, standby, host);
        report(`${made.checks.filter(({ passed }) => passed).length} of ${made.checks.length} passed`);
      },
    },
    {
      title: `Compare, promote and write to a copy of ${host.name}`,
      run: async (report) => {
        await endDrill(host);
        made.result = await runDrill(host);
        report(made.result.problem ?? 'the copy accepts writes');
      },
    },
  ];
  return { view, standby, acting: otherRegion(installation.cluster, standby), steps, made };
}

/**
 * Proves that the standby region can take over: that its data can be promoted, on a copy, and that what a failover needs is
 * there. The primary is asked for nothing. The lock is the acting region's, so that no drill keeps a failover waiting.
 */
export async function drillRegion(installation: Installation, perform: Perform): Promise<Drill> {
  const { view, standby, acting, steps, made } = await planDrill(installation);
  return runOperation(installation, acting, 'dr drill', async () => {
    await perform(steps);
    if (made.result === null) throw new Error('the drill did not run');
    const drill: Drill = {
      at: new Date().toISOString(),
      operator: installation.operator,
      standby: standby.awsRegion,
      acting: acting.awsRegion,
      passed: made.result.passed && made.checks.every(({ passed }) => passed),
      checks: made.checks,
      lagBytes: lagBytesOf(view, standby),
      result: made.result,
    };
    for (const region of [acting, standby]) {
      await rememberDrill(etcdOn(hostsOf(installation, region, 'etcd')), { at: drill.at, passed: drill.passed });
    }
    return drill;
  });
}

/** A member that does not lead, where there is one: what follows the other region goes on undisturbed. */
function chooseDrillHost(installation: Installation, view: DrView, standby: Region): Host {
  const hosts = enterableHosts(installation, view[standby.kind]);
  const leader = view[standby.kind].members?.find(({ isLeader }) => isLeader)?.name;
  const host = hosts.find(({ name }) => name !== leader) ?? hosts[0];
  if (host === undefined) throw new RefusedError(`no database node in ${standby.awsRegion} is reachable`);
  return host;
}

async function checkNeeds(
  installation: Installation,
  view: DrView,
  standby: Region,
  host: Host,
): Promise<readonly DrillCheck[]> {
  const { cluster } = installation;
  const acting = otherRegion(cluster, standby);
  const fence = await readFence(installation, acting);
  const repository = repositoryNumber(standby);
  const oldestMs = Date.now() - thresholdOf(cluster, 'FullBackupOverdue') * 1_000;
  const full = await readRepository(host, cluster.scope, repository).then(
    ({ backups }) => backups.findLast(({ type, hasError }) => type === 'full' && !hasError)?.stoppedAt ?? null,
    (error: Error) => error,
  );
  const leader = view[standby.kind].members?.find(({ isLeader }) => isLeader);
  // "it is running" is an answer; whatever else stands there is why there was none
  const unreadable = fence.uncertain.filter(({ why }) => why !== 'it is running');
  const unwell = membersOf(standby).filter(
    ({ name }) => view[standby.kind].members?.find((each) => each.name === name)?.state !== 'streaming',
  );
  return [
    {
      what: `the instances of ${acting.awsRegion} can be stopped for fencing`,
      passed: unreadable.length === 0,
      seen: unreadable.map(({ name, why }) => `${name}: ${why}`).join('; ') || 'all instances responded',
    },
    {
      what: `the policy of the backup bucket in ${standby.awsRegion} can be read (fencing writes to it)`,
      passed: fence.problem === null,
      seen: fence.problem ?? 'readable',
    },
    {
      what: `${standby.awsRegion} has a leader and all members are streaming`,
      passed: leader !== undefined && unwell.length === 0,
      seen: unwell.map(({ name }) => `${name} is not streaming`).join('; ') || `the leader is ${leader?.name}`,
    },
    {
      what: `repository ${repository} (${standby.awsRegion}) has a recent full backup`,
      passed: full instanceof Date && full.getTime() > oldestMs,
      seen: full instanceof Error ? full.message : full === null ? 'none' : full.toISOString(),
    },
    {
      what: 'the region epochs of both regions are known',
      passed: [acting, standby].every((region) => factsOf(view, region).epoch !== null),
      seen: [acting, standby].map((region) => `${region.awsRegion} ${factsOf(view, region).epoch ?? '-'}`).join(', '),
    },
  ];
}
