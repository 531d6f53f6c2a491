/**
 * What became of one write, as the client that sent it knows: acknowledged, surely not applied, or unknown, which is neither.
 */
export type Outcome = 'ok' | 'fail' | 'unknown';

/** One write of one client. Times are milliseconds on the clock of the one process that ran all clients. */
export interface Write {
  /** Unique over every run: it is the row's content, so that a row tells who wrote it. */
  key: string;
  client: number;
  invokedAtMs: number;
  completedAtMs: number;
  outcome: Outcome;
  /** The status or the error, for people. */
  detail: string;
}

/** One read of the second service. */
export interface Read {
  invokedAtMs: number;
  completedAtMs: number;
  outcome: 'ok' | 'fail';
  detail: string;
}

/** Everything that was sent and what came back. */
export interface History {
  writes: readonly Write[];
  reads: readonly Read[];
}

/** The keys a member holds after everything has healed, a key as often as the member has it. */
export interface FinalRead {
  member: string;
  keys: readonly string[];
}

/** How many writes and reads ended in which way. */
export interface OutcomeCounts {
  ok: number;
  fail: number;
  unknown: number;
  readsOk: number;
  readsFail: number;
}

/** Counts a history's outcomes; pure. */
export function countOutcomes({ writes, reads }: History): OutcomeCounts {
  const ofWrites = (wanted: Outcome) => writes.filter(({ outcome }) => outcome === wanted).length;
  const readsOk = reads.filter(({ outcome }) => outcome === 'ok').length;
  return {
    ok: ofWrites('ok'),
    fail: ofWrites('fail'),
    unknown: ofWrites('unknown'),
    readsOk,
    readsFail: reads.length - readsOk,
  };
}
