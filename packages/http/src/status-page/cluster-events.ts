import type { ClusterView } from '../cluster.ts';

/** Something that happened to the cluster between two readings of it. */
export type ClusterEvent = { at: number } & (
  | { kind: 'leader-lost'; leader: string }
  | { kind: 'leader-changed'; from: string; to: string; withoutMs: number | null }
  | { kind: 'leader-back'; leader: string; withoutMs: number }
  | { kind: 'timeline'; from: number; to: number }
  | { kind: 'synchronous-lost' }
  | { kind: 'synchronous-back' }
  | { kind: 'member-gone'; name: string; state: string }
  | { kind: 'member-back'; name: string; state: string }
  | { kind: 'members-unknown' }
  | { kind: 'members-known' }
);

/** What has to be remembered of the readings so far. */
export interface ClusterMemory {
  /** False while the members cannot be read. */
  isKnown: boolean;
  /** The last leader there was. */
  leader: string | null;
  /** Since when there has been none; null while there is one. */
  leaderlessSince: number | null;
  /** Of the last leader; null before the first. */
  timeline: number | null;
  synchronous: boolean;
  /** Every member seen, and whether it was up. */
  members: ReadonlyMap<string, boolean>;
}

/** Patroni 4.0, `PostgresqlState`: the states of a server that serves, or follows another. */
const upStates = new Set(['running', 'streaming', 'in archive recovery']);

export function isUp(state: string): boolean {
  return upStates.has(state);
}

/**
 * Takes in one reading of the cluster (null when it could not be read) and tells what has happened since the one before.
 * The first reading tells nothing: it is where the story begins.
 *
 * Invariants: a reading equal to the one before tells nothing; the leader that one change leads to is the one the next
 * change leads away from.
 */
export function foldCluster(
  memory: ClusterMemory | null,
  at: number,
  cluster: ClusterView | null,
): { memory: ClusterMemory | null; events: ClusterEvent[] } {
  if (cluster === null) {
    if (memory === null || !memory.isKnown) return { memory, events: [] };
    return { memory: { ...memory, isKnown: false }, events: [{ at, kind: 'members-unknown' }] };
  }
  const next = remember(memory, at, cluster);
  if (memory === null) return { memory: next, events: [] };
  const known: ClusterEvent[] = memory.isKnown ? [] : [{ at, kind: 'members-known' }];
  return {
    memory: next,
    events: [
      ...known,
      ...leaderEvents(memory, at, cluster),
      ...timelineEvents(memory, next, at),
      ...memberEvents(memory, at, cluster),
      ...synchronousEvents(memory, next, at),
    ],
  };
}

function remember(memory: ClusterMemory | null, at: number, cluster: ClusterView): ClusterMemory {
  const leader = cluster.members.find((member) => member.name === cluster.leader);
  const members = new Map([...(memory?.members.keys() ?? [])].map((name) => [name, false]));
  for (const { name, state } of cluster.members) members.set(name, isUp(state));
  return {
    isKnown: true,
    leader: cluster.leader ?? memory?.leader ?? null,
    leaderlessSince: cluster.leader === null ? (memory?.leaderlessSince ?? at) : null,
    timeline: leader?.timeline ?? memory?.timeline ?? null,
    // without a leader nothing is written, so nothing is confirmed or left unconfirmed
    synchronous: cluster.leader === null ? (memory?.synchronous ?? false) : cluster.synchronous,
    members,
  };
}

function leaderEvents(memory: ClusterMemory, at: number, { leader }: ClusterView): ClusterEvent[] {
  const { leader: last, leaderlessSince: since } = memory;
  if (last === null) return [];
  if (leader === null) return since === null ? [{ at, kind: 'leader-lost', leader: last }] : [];
  const withoutMs = since === null ? null : at - since;
  if (leader !== last) return [{ at, kind: 'leader-changed', from: last, to: leader, withoutMs }];
  return withoutMs === null ? [] : [{ at, kind: 'leader-back', leader, withoutMs }];
}

function timelineEvents(
  { timeline: from }: ClusterMemory,
  { timeline: to }: ClusterMemory,
  at: number,
): ClusterEvent[] {
  return from === null || to === null || from === to ? [] : [{ at, kind: 'timeline', from, to }];
}

function synchronousEvents(before: ClusterMemory, after: ClusterMemory, at: number): ClusterEvent[] {
  if (before.leader === null || before.synchronous === after.synchronous) return [];
  return [{ at, kind: after.synchronous ? 'synchronous-back' : 'synchronous-lost' }];
}

function memberEvents({ members: before }: ClusterMemory, at: number, { members }: ClusterView): ClusterEvent[] {
  const states = new Map(members.map(({ name, state }) => [name, state]));
  const removed = [...before.keys()].filter((name) => !states.has(name));
  const now = [...states, ...removed.map((name) => [name, 'removed'] as const)];
  return now.flatMap(([name, state]): ClusterEvent[] => {
    const wasUp = before.get(name);
    if (wasUp === true && !isUp(state)) return [{ at, kind: 'member-gone', name, state }];
    if (wasUp !== true && isUp(state)) return [{ at, kind: 'member-back', name, state }];
    return [];
  });
}
