import { type Cluster, membersOf, type Region } from '@pgha/infra/cluster';
import { type Etcd, etcdOn } from '../clients/etcd.ts';
import { observe, toldOf } from '../clients/observation.ts';
import { failOver, type ListedMember, listMembers } from '../clients/patronictl.ts';
import { RefusedError, UsageError } from '../exit-codes.ts';
import { hostsOf, type Installation } from '../installation/installation.ts';
import type { Step } from '../step.ts';
import { waitUntil } from '../wait-until.ts';
import type { Operation } from './engine/operation.ts';
import { actingRegion, viewRegions } from './regions.ts';
import { acceptsWrites, isFailsafe } from './status/own-words.ts';
import { findAllWriters, findWriters, refuseHiddenPrimary } from './writers.ts';

/** A member that could take over, and what is known of the commits it has. */
export interface Candidate {
  name: string;
  /** What it has received; null: its server does not answer. */
  lsn: string | null;
  /** Bytes it lacks of what the lost primary was last known to have written; null where that is not known. */
  behindBytes: number | null;
  /** Whether it was to confirm commits when the primary was lost. */
  isSynchronous: boolean;
  /** Why something that was acknowledged may be missing on it; null: nothing can be. */
  risk: string | null;
}

/** What a person decides on when there is no leader. */
export interface FailoverView {
  leader: string | null;
  lostPrimary: string | null;
  /** Where the lost primary was when it last told etcd. */
  lastKnownLsn: string | null;
  candidates: readonly Candidate[];
  /** Members that accept writes in their own words, whatever etcd has. */
  writers: readonly { name: string; isFailsafe: boolean }[];
}

/** What an operator asks for. */
export interface FailoverRequest {
  /** null: the member that `chooseFailover` chooses. */
  to: string | null;
  acceptDataLoss: boolean;
}

interface FailoverObservation {
  region: Region;
  view: FailoverView;
}

/** `pgha failover`: an operator promotes a member where Patroni must not. */
export function failover({ to, acceptDataLoss }: FailoverRequest): Operation<FailoverObservation, never, void> {
  const candidateOf = (view: FailoverView) => to ?? chooseFailover(view).name;
  return {
    observe: async (installation) => {
      const [views, writers] = await Promise.all([viewRegions(installation), findAllWriters(installation)]);
      refuseHiddenPrimary(views, writers);
      const { region } = actingRegion(installation.cluster, views);
      return { region, view: await viewFailover(installation, region) };
    },
    commandLine: ({ view }) => `failover --to ${candidateOf(view)}${acceptDataLoss ? ' --accept-data-loss' : ''}`,
    guard: ({ region }) => ({ kind: 'exclusive', regions: [region] }),
    question: ({ region, view }) => {
      const { name, risk } = judgeRequest(region, view, candidateOf(view), acceptDataLoss);
      return risk === null ? `Promote ${name}?` : `Promote ${name}, although ${risk}?`;
    },
    // who is the primary already stays chosen, and until then the name is in the command line
    choices: {},
    plan: ({ installation, isPreview }, { region, view }) => ({
      steps: planFailover(installation, region, view, candidateOf(view), isPreview || acceptDataLoss),
      result: () => undefined,
    }),
  };
}

/** What Patroni keeps in etcd about who may take over (Patroni 4.0, "/sync" and "/status"). */
export interface StoredState {
  sync: { leader: string | null; standbys: readonly string[]; quorum: number } | null;
  lastKnownLsn: bigint | null;
}

/** Asks etcd and every member; nothing is changed. */
export async function viewFailover(installation: Installation, region: Region): Promise<FailoverView> {
  const members = membersOf(region);
  const etcd = etcdOn(hostsOf(installation, region, 'etcd'));
  const stored = await readStoredState(etcd, installation.cluster);
  const seen = await Promise.all(
    members.map(async (node) => {
      const observation = await observe(installation.host(node)).catch(() => null);
      return {
        name: node.name,
        lsn: toldOf(observation?.database)?.lsn ?? null,
        writes: acceptsWrites(observation) === true,
        isFailsafe: isFailsafe(observation),
      };
    }),
  );
  const listed = await firstList(installation, region);
  return judgeFailover(stored, seen, listed);
}

/**
 * Says of every member what promoting it could cost. Pure.
 *
 * With `quorum` the primary was acknowledged by any one of several standbys: the one that is ahead of all of them has every
 * commit, and all of them have to be asked to know that. With `on` each synchronous standby has every commit.
 */
export function judgeFailover(
  { sync, lastKnownLsn }: StoredState,
  seen: readonly { name: string; lsn: string | null; writes?: boolean; isFailsafe?: boolean }[],
  listed: readonly ListedMember[],
): FailoverView {
  const positions = new Map(seen.flatMap(({ name, lsn }) => (lsn === null ? [] : [[name, parseLsn(lsn)] as const])));
  const leader = listed.find(({ isLeader }) => isLeader)?.name ?? null;
  const writers = seen
    .filter(({ writes }) => writes === true)
    .map((each) => ({ name: each.name, isFailsafe: each.isFailsafe === true }));
  const candidates = seen.map(({ name, lsn }): Candidate => {
    const position = positions.get(name) ?? null;
    const isSynchronous = sync?.standbys.includes(name) === true || sync?.leader === name;
    return {
      name,
      lsn,
      behindBytes:
        position === null || lastKnownLsn === null
          ? null
          : Number(lastKnownLsn > position ? lastKnownLsn - position : 0n),
      isSynchronous,
      risk: writingElsewhere(name, writers) ?? riskOf(name, position, sync, positions),
    };
  });
  return {
    leader,
    lostPrimary: sync?.leader ?? null,
    lastKnownLsn: lastKnownLsn === null ? null : formatLsn(lastKnownLsn),
    candidates,
    writers,
  };
}

/** No position says anything while another member goes on acknowledging. */
function writingElsewhere(candidate: string, writers: FailoverView['writers']): string | null {
  const others = writers.map(({ name }) => name).filter((name) => name !== candidate);
  return others.length === 0 ? null : `${others.join(' and ')} accepts writes and keeps acknowledging commits`;
}

function riskOf(
  name: string,
  position: bigint | null,
  sync: StoredState['sync'],
  positions: ReadonlyMap<string, bigint>,
): string | null {
  if (position === null) return 'its PostgreSQL is not responding';
  if (sync === null || sync.leader === null)
    return 'replication was not synchronous: commits that it had not received would be lost';
  if (name === sync.leader) return null;
  if (!sync.standbys.includes(name)) return 'it was not a synchronous standby: any commit may be missing';
  const others = [...sync.standbys, sync.leader].filter((each) => each !== name);
  const ahead = others.filter((each) => (positions.get(each) ?? 0n) > position);
  if (ahead.length > 0) return `${ahead.join(' and ')} received more WAL (higher LSN)`;
  // commits are acknowledged by (standbys - quorum) of them: fewer silent ones than that cannot have confirmed one alone
  const silent = sync.standbys.filter((each) => each !== name && !positions.has(each));
  const confirming = sync.standbys.length - sync.quorum;
  return silent.length >= confirming && sync.quorum > 0
    ? `${silent.join(' and ')} may hold acknowledged commits that it lacks, and did not respond`
    : null;
}

/**
 * The member that would be promoted when nobody says which: the one that is sure to have everything, else the farthest. Whoever
 * leads already stays chosen: a command that was interrupted behind the promotion must not ask for another one, not even when the lost
 * primary is back by then and has received more.
 */
export function chooseFailover({ leader, candidates }: FailoverView): Candidate {
  const leading = candidates.find(({ name }) => name === leader);
  if (leading !== undefined) return leading;
  const able = candidates.filter(({ lsn }) => lsn !== null);
  const farthest = (list: readonly Candidate[]) =>
    list.toSorted((a, b) => (parseLsn(b.lsn ?? '0/0') > parseLsn(a.lsn ?? '0/0') ? 1 : -1))[0];
  const chosen = farthest(able.filter(({ risk }) => risk === null)) ?? farthest(able);
  if (chosen === undefined) throw new RefusedError('no member is responding. Start one of them first');
  return chosen;
}

/**
 * The member that is to be promoted, if it may be. Pure.
 *
 * @param acceptsLoss whether a person agreed that acknowledged commits may be missing.
 * @throws RefusedError when somebody leads or accepts writes, or when something could be lost and nobody agreed to that.
 */
function judgeRequest(region: Region, view: FailoverView, candidate: string, acceptsLoss: boolean): Candidate {
  const chosen = view.candidates.find(({ name }) => name === candidate);
  if (chosen === undefined) {
    throw new UsageError(
      `unknown member "${candidate}". Members: ${view.candidates.map(({ name }) => name).join(', ')}`,
    );
  }
  if (view.leader !== null && view.leader !== candidate) {
    throw new RefusedError(
      `${view.leader} is the primary and is running. Use "pgha switchover" for a planned change of primary`,
    );
  }
  const led = view.leader === null ? [] : [{ name: view.leader, isLeader: true }];
  refuseHiddenPrimary(
    [{ region, members: led }],
    view.writers.map((writer) => ({ ...writer, region })),
  );
  if (view.leader === null && chosen.risk !== null && !acceptsLoss) {
    throw new RefusedError(
      `promoting ${candidate} may lose acknowledged commits: ${chosen.risk}. ` +
        'Recover the other members if you can. To promote it anyway, add --accept-data-loss',
    );
  }
  return chosen;
}

/**
 * The steps that promote a member where there is no leader.
 *
 * @throws RefusedError as `judgeRequest`.
 */
export function planFailover(
  installation: Installation,
  region: Region,
  view: FailoverView,
  candidate: string,
  acceptsLoss: boolean,
): readonly Step[] {
  judgeRequest(region, view, candidate, acceptsLoss);
  const node = membersOf(region).find(({ name }) => name === candidate);
  if (node === undefined) throw new UsageError(`${candidate} is not a member of ${region.awsRegion}`);
  const host = installation.host(node);
  const isLeading = async () => (await listMembers(host)).some(({ name, isLeader }) => name === candidate && isLeader);
  return [
    {
      title: `Check that no member of ${region.awsRegion} accepts writes`,
      isNeeded: async () => !(await isLeading()),
      // it may have come back while a person decided
      run: async () =>
        refuseHiddenPrimary([{ region, members: await listMembers(host) }], await findWriters(installation, [region])),
    },
    {
      title: `Promote ${candidate}`,
      isDone: isLeading,
      run: () => failOver(host, installation.cluster.scope, candidate),
    },
    {
      title: `Wait until ${candidate} accepts writes`,
      run: async (report) => {
        await waitUntil(
          async () => {
            const database = toldOf((await observe(host)).database);
            report(database === null ? 'PostgreSQL is not responding yet' : `timeline ${database.timeline}`);
            return database !== null && !database.inRecovery;
          },
          { what: `${candidate} to accept writes`, timeoutMs: 120_000, everyMs: 500, signal: installation.signal },
        );
      },
    },
  ];
}

async function readStoredState(etcd: Etcd, { scope }: Cluster): Promise<StoredState> {
  const [sync, status] = await Promise.all([
    etcd.read(`/service/${scope}/sync`),
    etcd.read(`/service/${scope}/status`),
  ]);
  return parseStoredState(sync?.value ?? null, status?.value ?? null);
}

/** What the two keys say; either may be missing. */
export function parseStoredState(sync: string | null, status: string | null): StoredState {
  const told = sync === null ? null : (JSON.parse(sync) as { leader?: string; sync_standby?: string; quorum?: number });
  const { optime } = status === null ? {} : (JSON.parse(status) as { optime?: number });
  return {
    sync:
      told === null
        ? null
        : {
            leader: told.leader ?? null,
            standbys: (told.sync_standby ?? '').split(',').filter((name) => name !== ''),
            quorum: told.quorum ?? 0,
          },
    lastKnownLsn: optime === undefined ? null : BigInt(optime),
  };
}

async function firstList(installation: Installation, region: Region): Promise<readonly ListedMember[]> {
  return Promise.any(membersOf(region).map((node) => listMembers(installation.host(node)))).catch(() => {
    throw new RefusedError(`no member of ${region.awsRegion} is reachable. Start its instances first`);
  });
}

/** A WAL position as a number of bytes (PostgreSQL manual, 8.20). */
function parseLsn(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

const formatLsn = (value: bigint) =>
  `${(value >> 32n).toString(16)}/${(value & 0xffffffffn).toString(16)}`.toUpperCase();
