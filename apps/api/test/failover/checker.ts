import { isWrite, type MemberTables, type Operation } from './history.ts';

export interface Verdict {
  /** Acknowledged, and not there. */
  lost: string[];
  /** Applied more than once. */
  doubled: string[];
  /** There, and written by nobody, or by a request that was told it was not applied. */
  invented: string[];
  /** Values that cannot follow each other: overwritten by an older write, or read after a newer one was acknowledged. */
  stale: string[];
  /** Answers that were not the request's own, or not the first answer's. */
  wrongAnswers: string[];
  /** Members that differ. */
  diverged: string[];
}

const changeOf = { create: 'INSERT', update: 'UPDATE', delete: 'DELETE' } as const;

/**
 * Judges what the clients were told against what every member holds. Sound without knowing in which order concurrent
 * requests were applied: of two writes to a row one must follow the other only when it began after the other had ended.
 * A write of unknown outcome may have been applied once or not at all.
 */
export function check(history: Operation[], members: MemberTables[]): Verdict {
  const verdict: Verdict = { lost: [], doubled: [], invented: [], stale: [], wrongAnswers: [], diverged: [] };
  const writes = history.filter(isWrite);
  for (const tables of members) checkMember(writes, tables, verdict);
  checkReads(history, writes, verdict);
  for (const operation of history) {
    if (operation.outcome === 'ok' && !operation.answerFits) verdict.wrongAnswers.push(describe(operation));
  }
  const [first, ...others] = members;
  for (const other of others) {
    if (JSON.stringify(contents(other)) !== JSON.stringify(first && contents(first))) {
      verdict.diverged.push(`${other.member} holds something else than ${first?.member}`);
    }
  }
  return verdict;
}

export function isClean(verdict: Verdict): boolean {
  return Object.values(verdict).every((findings: string[]) => findings.length === 0);
}

function checkMember(writes: Operation[], { member, rows, ledger }: MemberTables, verdict: Verdict): void {
  const applied = groupBy(ledger, ({ change, id, value }) => changeKey(change, id, value));
  const places = new Map(ledger.map(({ change, id, value }, place) => [changeKey(change, id, value), place]));
  const byId = groupBy(rows, (row) => row.id);
  const attempted = new Map(writes.map((write) => [writeKey(write), write]));
  const deletions = new Set(writes.filter((write) => write.kind === 'delete').map((write) => write.item));

  for (const write of writes) {
    if (write.outcome !== 'ok') continue;
    if (!applied.has(writeKey(write))) verdict.lost.push(`${describe(write)} has left no trace on ${member}`);
    const row = byId.get(write.item ?? '')?.[0];
    if (write.kind === 'delete' ? row !== undefined : row === undefined && !deletions.has(write.item)) {
      verdict.lost.push(`${describe(write)}, and ${member} ${row ? 'still has' : 'does not have'} the row`);
    }
  }
  for (const [key, changes] of applied) {
    if (changes.length > 1) verdict.doubled.push(`${key} was applied ${changes.length} times on ${member}`);
    const write = attempted.get(key);
    if (!write) verdict.invented.push(`${key} is on ${member} and nobody asked for it`);
    else if (write.outcome === 'fail') verdict.invented.push(`${describe(write)} and is on ${member}`);
  }
  for (const copies of groupBy(rows, (row) => row.value).values()) {
    if (copies.length > 1) verdict.doubled.push(`${copies[0]?.value} is on ${member} in ${copies.length} rows`);
  }
  for (const [id, copies] of byId) {
    if (copies.length > 1) verdict.doubled.push(`item ${id} is on ${member} ${copies.length} times`);
  }
  checkOrder(writes, places, member, verdict);
  checkFinalValues(writes, byId, member, verdict);
}

/** A write that began after another to its row had been acknowledged was applied after it. */
function checkOrder(writes: Operation[], places: Map<string, number>, member: string, verdict: Verdict): void {
  for (const ofItem of groupBy(writes, (write) => write.item ?? '').values()) {
    const placed = ofItem.filter((write) => write.outcome === 'ok' && places.has(writeKey(write)));
    for (const later of placed) {
      const earlier = placed.find(
        (each) => each.endedAt < later.invokedAt && place(places, each) > place(places, later),
      );
      if (earlier) verdict.stale.push(`${describe(later)} was applied before ${describe(earlier)} on ${member}`);
    }
  }
}

/** What a row holds was written by a write that no acknowledged write to it followed. */
function checkFinalValues(
  writes: Operation[],
  rows: Map<string, MemberTables['rows']>,
  member: string,
  verdict: Verdict,
): void {
  const byValue = new Map(writes.filter((write) => write.value !== null).map((write) => [write.value, write]));
  const byItem = groupBy(writes, (write) => write.item ?? '');
  for (const [id, [row]] of rows) {
    const writer = byValue.get(row?.value ?? '');
    if (!writer || (writer.item !== null && writer.item !== id)) {
      verdict.invented.push(`item ${id} holds ${row?.value} on ${member}, which nobody wrote there`);
      continue;
    }
    const newer = byItem.get(id)?.find((write) => write.outcome === 'ok' && write.invokedAt > appliedBy(writer));
    if (newer) verdict.stale.push(`item ${id} holds ${row?.value} on ${member} although ${describe(newer)} came later`);
  }
}

/** A read shows nothing older than what was acknowledged, to whom it had to show it, before it began. */
function checkReads(history: Operation[], writes: Operation[], verdict: Verdict): void {
  const byItem = groupBy(writes, (write) => write.item ?? '');
  for (const read of history) {
    if (read.kind !== 'read' || read.outcome !== 'ok') continue;
    const ofItem = byItem.get(read.item ?? '') ?? [];
    const known = ofItem.filter(
      (write) =>
        write.outcome === 'ok' &&
        write.endedAt < read.invokedAt &&
        (read.sees === 'everybody' || write.client === read.client),
    );
    const source =
      read.value === null
        ? ofItem.find((write) => write.kind === 'delete' && write.invokedAt < read.endedAt)
        : ofItem.find((write) => write.value === read.value && write.invokedAt < read.endedAt);
    if (!source) {
      // an item whose creation is not yet acknowledged may be absent
      if (read.value !== null || known.length > 0) verdict.invented.push(`${describe(read)}, which nobody wrote`);
      continue;
    }
    const newer = known.find((write) => write.invokedAt > appliedBy(source));
    if (newer) verdict.stale.push(`${describe(read)} after ${describe(newer)}`);
  }
}

/** When a write has taken effect, if ever; one of unknown outcome may do so at any time. */
function appliedBy({ outcome, endedAt }: Operation): number {
  return outcome === 'unknown' ? Number.POSITIVE_INFINITY : endedAt;
}

/** What names a change: the value where one is written, which is unique, and the item where it is removed. */
function changeKey(change: string, id: string, value: string): string {
  return change === 'DELETE' ? `DELETE ${id}` : `${change} ${value}`;
}

function writeKey(write: Operation): string {
  return changeKey(changeOf[write.kind as keyof typeof changeOf], write.item ?? '', write.value ?? '');
}

function place(places: Map<string, number>, write: Operation): number {
  return places.get(writeKey(write)) ?? -1;
}

function contents({ rows, ledger }: MemberTables) {
  return { rows, ledger };
}

function describe({ client, method, item, value, told, invokedAt, endedAt }: Operation): string {
  const span = `${Math.round(invokedAt)}..${Math.round(endedAt)} ms`;
  return `client ${client}: ${method} item ${item ?? '?'} ${value ?? ''} (${span}) was told ${told}`;
}

function groupBy<T>(values: T[], key: (value: T) => string): Map<string, T[]> {
  return Map.groupBy(values, key);
}
