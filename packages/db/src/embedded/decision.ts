import { type MemberName, otherMember, type PairState } from './state.ts';

/** What is known of one member at one moment. */
export interface MemberView {
  phase: 'stopped' | 'starting' | 'running' | 'stopping' | 'building';
  /** It answered a query in this round. */
  answers: boolean;
  /** As it answered; null when it did not. */
  inRecovery: boolean | null;
  /** Kept down on purpose, by a fault that was injected. */
  held: boolean;
  /** It has accepted connections since the supervisor started. */
  hasRun: boolean;
  /** Starts (or builds) that failed one after the other. */
  failures: number;
  /** Not before this moment is another start or build tried. */
  retryAtMs: number;
}

export interface Observation {
  nowMs: number;
  state: PairState;
  members: Record<MemberName, MemberView>;
  /** The member the primary's settings make every commit wait for. */
  waitsFor: MemberName | null;
  /** A position (bytes of WAL) reached after `waitsFor` was in force in every process; null until that is known. */
  waitsSince: bigint | null;
  /** The replica's connection as the primary sees it; null when there is none. */
  stream: { streaming: boolean; flushedTo: bigint } | null;
  /** How long the primary has answered without a streaming replica, in milliseconds; 0 while one streams. */
  streamMissingMs: number;
  /** The primary has thrown away WAL that the replica would need. */
  slotLost: boolean;
  automaticFailover: boolean;
  /** An absent primary is replaced no earlier than this. */
  promoteAtMs: number;
}

export type Action =
  | { do: 'nothing' }
  | { do: 'start'; member: MemberName }
  | { do: 'fail-over'; from: MemberName; to: MemberName }
  | { do: 'promote'; member: MemberName }
  | { do: 'go-alone'; replica: MemberName }
  | { do: 'wait-for-replica'; replica: MemberName }
  | { do: 'record-synchronous'; replica: MemberName }
  | { do: 'rebuild'; member: MemberName };

/** How long writes wait for a replica whose stream is missing: one that serves reconnects within a second, … */
const STREAM_GRACE_MS = 3_000;
/** … one that does not answer has been silent for longer than that already, … */
const SILENT_GRACE_MS = 1_000;
/** … and one that is starting, as at every start of the pair, is about to be there. */
const STARTING_GRACE_MS = 10_000;
/** A primary that fails to start twice with its data intact elsewhere is replaced. */
const FAILED_STARTS_BEFORE_FAILOVER = 2;
/** A replica that fails to start three times is built anew. */
const FAILED_STARTS_BEFORE_REBUILD = 3;

/**
 * Decides the next single step of the pair. Pure: the same observation gives the same step.
 *
 * Invariant: a member is promoted only while the recorded state names it synchronous, and the record names it so only
 * while every acknowledged commit waits for it; so a promoted member holds every acknowledged commit.
 */
export function decide(seen: Observation): Action {
  const { state, members } = seen;
  const primary = members[state.primary];
  const replicaName = otherMember(state.primary);

  if (primary.phase === 'stopped') {
    const action = replaceOrRestart(seen);
    if (action !== null) return action;
  } else if (primary.answers && primary.inRecovery) {
    return { do: 'promote', member: state.primary };
  } else if (primary.answers) {
    const action = adjustDurability(seen);
    if (action !== null) return action;
  }
  return bringBackReplica(seen, replicaName);
}

/** The primary is down: promote the replica that provably has everything, else start the primary again, else wait. */
function replaceOrRestart(seen: Observation): Action | null {
  const { state, members, nowMs } = seen;
  const primary = members[state.primary];
  const replicaName = otherMember(state.primary);
  const replica = members[replicaName];

  const lost = primary.hasRun || primary.failures >= FAILED_STARTS_BEFORE_FAILOVER;
  if (lost && seen.automaticFailover && state.synchronous === replicaName && replica.phase === 'running') {
    // an absent primary must look absent: it is not restarted while the promotion is being delayed
    if (nowMs < seen.promoteAtMs) return { do: 'nothing' };
    if (replica.answers) return { do: 'fail-over', from: state.primary, to: replicaName };
    // it accepted connections a moment ago: give it this round's retry before the slower way
    if (primary.hasRun && primary.failures === 0 && !primary.held && nowMs < primary.retryAtMs)
      return { do: 'nothing' };
  }
  if (primary.held && !seen.automaticFailover) return null;
  if (nowMs < primary.retryAtMs) return null;
  return { do: 'start', member: state.primary };
}

/** The primary serves: whether commits wait for the replica follows whether there is one. */
function adjustDurability(seen: Observation): Action | null {
  const { state, members, stream, waitsFor } = seen;
  const replicaName = otherMember(state.primary);
  const replica = members[replicaName];
  const streaming = stream?.streaming === true;

  if (waitsFor !== null || state.synchronous !== null) {
    const down = replica.phase === 'stopped' && (replica.hasRun || replica.held || replica.failures > 0);
    const gone = down || replica.phase === 'building' || state.stale.includes(replicaName) || seen.slotLost;
    if (!streaming && (gone || seen.streamMissingMs >= graceMs(replica)))
      return { do: 'go-alone', replica: replicaName };
    // the recorded name is in force already when the primary starts: nothing to prove again
    if (waitsFor === replicaName && state.synchronous === replicaName) return null;
    if (waitsFor === replicaName && streaming && seen.waitsSince !== null && stream.flushedTo >= seen.waitsSince) {
      return { do: 'record-synchronous', replica: replicaName };
    }
    return null;
  }
  return streaming && replica.phase === 'running' ? { do: 'wait-for-replica', replica: replicaName } : null;
}

function graceMs(replica: MemberView): number {
  if (replica.phase === 'starting') return STARTING_GRACE_MS;
  return replica.answers ? STREAM_GRACE_MS : SILENT_GRACE_MS;
}

function bringBackReplica(seen: Observation, name: MemberName): Action {
  const { state, members, nowMs } = seen;
  const primary = members[state.primary];
  const replica = members[name];
  if (replica.held || nowMs < replica.retryAtMs || replica.phase === 'building' || replica.phase === 'stopping') {
    return { do: 'nothing' };
  }
  const unusable = state.stale.includes(name) || seen.slotLost || replica.failures >= FAILED_STARTS_BEFORE_REBUILD;
  if (unusable) {
    const canCopy = primary.answers && primary.inRecovery === false && state.synchronous !== name;
    return canCopy ? { do: 'rebuild', member: name } : { do: 'nothing' };
  }
  return replica.phase === 'stopped' ? { do: 'start', member: name } : { do: 'nothing' };
}
