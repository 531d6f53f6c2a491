/** What a client did and what it was told. Times are milliseconds of one clock: all clients are one process. */
export interface Operation {
  client: number;
  kind: 'create' | 'update' | 'delete' | 'read' | 'replay';
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET';
  /** The item's id; of a create, as answered, null while it has not been. */
  item: string | null;
  /** Of a create or an update: the value it writes, which nobody else writes. Of a read: the value it saw, null for 404. */
  value: string | null;
  invokedAt: number;
  /** Infinity when no answer came. */
  endedAt: number;
  /** `fail`: told that it was not applied. `unknown`: told neither. */
  outcome: 'ok' | 'fail' | 'unknown';
  /** The HTTP status, or the error of the connection. */
  told: string;
  /** Of a read: whose acknowledged writes it must see. */
  sees: 'everybody' | 'itself' | null;
  /** Whether the answer was what it had to be, given that it was one: its own value, or that of the first answer. */
  answerFits: boolean;
}

/** A member's tables, read directly when everything was over. */
export interface MemberTables {
  member: string;
  rows: { id: string; value: string }[];
  /** Every change that was committed, as a trigger noted it in the same transaction; in commit order for a row. */
  ledger: { change: 'INSERT' | 'UPDATE' | 'DELETE'; id: string; value: string }[];
}

export interface Tally {
  /** Requests by method. */
  requests: Record<string, number>;
  /** Everything that was not answered as if nothing had happened, by what was told. */
  errors: Record<string, number>;
  acknowledgedWrites: number;
  /** The longest time in which no write was acknowledged, from the first to the last one. */
  longestGapMs: number;
  /** Requests that took longer than `heldAfterMs`. */
  held: number;
  slowestMs: number;
}

/** A request of the workload takes some milliseconds; this long it is being held. */
const heldAfterMs = 500;

export const isWrite = ({ kind }: Operation): boolean => kind === 'create' || kind === 'update' || kind === 'delete';

export function tally(history: Operation[]): Tally {
  const count = (keys: string[]) =>
    Object.fromEntries([...Map.groupBy(keys, (key) => key)].map(([key, same]) => [key, same.length]));
  const acknowledged = history
    .filter((operation) => isWrite(operation) && operation.outcome === 'ok')
    .map((operation) => operation.endedAt)
    .sort((a, b) => a - b);
  const took = history.map((operation) => operation.endedAt - operation.invokedAt);
  return {
    requests: count(history.map((operation) => operation.method)),
    errors: count(history.filter(({ outcome }) => outcome !== 'ok').map(({ method, told }) => `${method}: ${told}`)),
    acknowledgedWrites: acknowledged.length,
    longestGapMs: acknowledged.reduce((gap, at, index) => Math.max(gap, at - (acknowledged[index - 1] ?? at)), 0),
    held: took.filter((ms) => ms > heldAfterMs).length,
    slowestMs: took.reduce((slowest, ms) => Math.max(slowest, ms), 0),
  };
}
