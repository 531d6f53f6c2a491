import { existsSync, readFileSync } from 'node:fs';

import { writeDurably } from './durable-file.ts';
import { EmbeddedFailure } from './failure.ts';

export type MemberName = 'pg1' | 'pg2';
export const MEMBER_NAMES: readonly [MemberName, MemberName] = ['pg1', 'pg2'];

/** What must survive a power cut. Written before it is acted on, so that a restart never believes more than was true. */
export interface PairState {
  version: 1;
  /** 'creating' until the first start has finished: what lies there holds nobody's data yet. */
  phase: 'creating' | 'ready';
  primary: MemberName;
  /** The member that provably holds every acknowledged commit, and may therefore be promoted; null when none does. */
  synchronous: MemberName | null;
  /** Members whose files are diverged or incomplete: never started, only built anew. */
  stale: MemberName[];
}

export const FIRST_STATE: PairState = {
  version: 1,
  phase: 'creating',
  primary: 'pg1',
  synchronous: null,
  stale: ['pg1', 'pg2'],
};

export function otherMember(name: MemberName): MemberName {
  return name === 'pg1' ? 'pg2' : 'pg1';
}

export function readState(path: string): PairState | null {
  if (!existsSync(path)) return null;
  const text = readFileSync(path, 'utf8');
  try {
    const state = JSON.parse(text) as Partial<PairState> | null;
    if (isState(state)) return state;
  } catch {
    // falls through to the same answer: who is primary cannot be known
  }
  throw new EmbeddedFailure(
    'state-missing',
    `${path} does not name the primary (it contains ${JSON.stringify(text.slice(0, 40))}); restore it, or delete the data and start from scratch with --fresh`,
  );
}

function isState(state: Partial<PairState> | null): state is PairState {
  const isMember = (name: unknown) => MEMBER_NAMES.some((member) => member === name);
  return (
    state?.version === 1 &&
    (state.phase === 'creating' || state.phase === 'ready') &&
    isMember(state.primary) &&
    (state.synchronous === null || isMember(state.synchronous)) &&
    Array.isArray(state.stale) &&
    state.stale.every(isMember)
  );
}

export function writeState(path: string, state: PairState): void {
  writeDurably(path, `${JSON.stringify(state)}\n`, 0o644);
}
