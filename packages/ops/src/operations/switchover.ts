import type { Region } from '@pgha/infra/cluster';
import { holdPooler } from '../clients/guard.ts';
import { type ListedMember, listMembers, switchOver } from '../clients/patronictl.ts';
import { query } from '../clients/psql.ts';
import { RefusedError, UsageError } from '../exit-codes.ts';
import type { Host } from '../hosts/host.ts';
import type { Installation } from '../installation/installation.ts';
import type { Step } from '../step.ts';
import type { Operation } from './engine/operation.ts';
import { actingRegion, memberHosts, viewRegions, waitUntilWhole } from './regions.ts';
import { findAllWriters, refuseHiddenPrimary } from './writers.ts';

/** What a planned switchover works with. */
export interface SwitchoverSetting {
  installation: Pick<Installation, 'cluster' | 'host'>;
  region: Region;
  signal: AbortSignal;
}

/** Behind this much a member would keep clients waiting until it has caught up. */
const mostLagMib = 64;
/** Longer than any switchover that goes well; a pooler that waited this long goes on with whoever leads. */
const holdSeconds = 30;
/** The former primary starts anew as a standby, and may be rewound. */
const followTimeoutMs = 120_000;

interface SwitchoverView {
  region: Region;
  members: readonly ListedMember[];
}

/** A switchover that has ended. */
export interface Switchover {
  /** null: an earlier run of it had switched over already, and the former primary is unknown. */
  from: string | null;
  to: string;
}

/**
 * `pgha switchover`: another member of the active region becomes the primary while the cluster is healthy.
 *
 * @param wanted the member to promote; null: a synchronous standby.
 */
export function switchover(wanted: string | null): Operation<SwitchoverView, 'to', Switchover> {
  return {
    observe: async (installation) => {
      const [views, writers] = await Promise.all([viewRegions(installation), findAllWriters(installation)]);
      refuseHiddenPrimary(views, writers);
      const { region, members } = actingRegion(installation.cluster, views);
      if (members === null)
        throw new RefusedError(`no member of ${region.awsRegion} responds. Check the nodes: pgha status`);
      return { region, members };
    },
    commandLine: () => (wanted === null ? 'switchover' : `switchover --to ${wanted}`),
    guard: ({ region }) => ({ kind: 'exclusive', regions: [region] }),
    question: () => null,
    choices: { to: ({ members }) => wanted ?? chooseCandidate(members) },
    plan: ({ installation, signal }, { region, members }, { to }) => ({
      steps: planSwitchover({ installation, region, signal }, members, to),
      result: () => ({ from: members.find(({ isLeader }) => isLeader)?.name ?? null, to }),
    }),
  };
}

/**
 * The member that takes over when nobody says which: one that confirms commits, else any that follows closely.
 *
 * @throws RefusedError when there is no primary to hand over, and when nobody could take over.
 */
export function chooseCandidate(members: readonly ListedMember[]): string {
  const able = members.filter((member) => obstacle(members, member) === null);
  const [first] = able.filter(({ role }) => role !== 'replica').concat(able);
  if (first !== undefined) return first.name;
  const reasons = members.filter(({ isLeader }) => !isLeader).map((member) => obstacle(members, member));
  throw new RefusedError(
    `no failover candidate is available: ${reasons.join('; ') || 'the primary is the only member'}`,
  );
}

/**
 * The steps that make a member the primary while the primary is well. Clients of the services and of the pooler wait for a
 * moment and get no error; sessions on 5432 and 5433 are cut and have to connect again.
 *
 * @param candidate who has to be one of the region's other members.
 * @throws RefusedError when it cannot take over; UsageError when there is no such member.
 */
export function planSwitchover(
  { installation, region, signal }: SwitchoverSetting,
  members: readonly ListedMember[],
  candidate: string,
): readonly Step[] {
  const hosts = memberHosts(installation, region);
  const leader = members.find(({ isLeader }) => isLeader)?.name ?? null;
  // a command that was interrupted behind its main step only looks whether all are well
  if (leader !== candidate) refuseUnable(members, candidate);
  const hostOf = (name: string): Host => {
    const host = hosts.get(name);
    if (host === undefined) throw new UsageError(`unknown member "${name}". Members: ${[...hosts.keys()].join(', ')}`);
    return host;
  };
  const isLeading = async () =>
    (await listMembers(hostOf(candidate))).some((each) => each.name === candidate && each.isLeader);
  const isToCome = async () => !(await isLeading());
  return [
    {
      // Patroni takes one as well before it stops the server: the less is left to write then, the shorter clients wait
      title: `Run a checkpoint on ${leader}`,
      isNeeded: isToCome,
      run: async () => {
        await query(hostOf(leader ?? candidate), 'checkpoint');
      },
    },
    {
      title: 'Pause PgBouncer on all nodes',
      isNeeded: isToCome,
      run: async (report) => {
        const holds = await Promise.all([...hosts.values()].map((host) => holdPooler(host, holdSeconds)));
        const busy = holds.filter(({ state }) => state !== 'paused').length;
        report(
          busy === 0
            ? 'no transactions in progress'
            : `${busy} of ${holds.length} still have transactions in progress, which will be terminated`,
        );
      },
    },
    {
      title: `Switch over from ${leader} to ${candidate}`,
      isDone: isLeading,
      run: () =>
        switchOver(hostOf(candidate), installation.cluster.scope, leader ?? '', candidate).catch(
          async (error: unknown) => {
            // nobody waits for a primary that does not come
            await Promise.all([...hosts.values()].map((host) => holdPooler(host, 0).catch(() => undefined)));
            throw error;
          },
        ),
    },
    {
      title: `Wait until every member replicates from ${candidate}`,
      run: (report) => waitUntilWhole(installation, region, candidate, report, signal, followTimeoutMs),
    },
  ];
}

function refuseUnable(members: readonly ListedMember[], candidate: string): void {
  const member = members.find(({ name }) => name === candidate);
  if (member === undefined)
    throw new UsageError(`unknown member "${candidate}". Members: ${members.map(({ name }) => name).join(', ')}`);
  const reason = obstacle(members, member);
  if (reason !== null) throw new RefusedError(`${reason}. "pgha status" shows all members`);
}

/** Why a member cannot take over now; null: it can. */
function obstacle(members: readonly ListedMember[], member: ListedMember): string | null {
  const leader = members.find(({ isLeader }) => isLeader);
  if (leader === undefined) return 'there is no primary to switch over from. Use "pgha failover"';
  if (leader.role === 'standby_leader')
    return `${leader.name} is the leader of a standby region. Use "pgha dr switchover" to move writes between regions`;
  if (member.isLeader) return `${member.name} is already the primary`;
  if (!member.isWell) return `${member.name} is ${member.state}`;
  if (member.lagMib === null || member.lagMib > mostLagMib)
    return `${member.name} is ${member.lagMib ?? 'an unknown number of'} MiB behind`;
  // with synchronous replication only a member that confirms commits is sure to have them all
  const isSynchronous = members.some(({ role }) => role === 'sync_standby' || role === 'quorum_standby');
  if (isSynchronous && member.role === 'replica') return `${member.name} is not a synchronous standby`;
  return null;
}
