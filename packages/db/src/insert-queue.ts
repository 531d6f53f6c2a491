import { ClientGoneError } from './caller.ts';
import { DeadlineError } from './gate.ts';
import { type GroupedInsert, GroupRefusedError, type InsertedItem, insertGroup } from './insert-group.ts';
import { etagOf, insertItem } from './items.ts';
import type { DbPool, Session } from './pool.ts';
import type { RideContext } from './ride.ts';
import { applyOnce, ownIdentity, type StoredAnswer, type WriteResult } from './write-once.ts';

interface Waiting extends GroupedInsert {
  deadline: number;
  /** Whether the database has, or may have, got it. */
  isSent: boolean;
  resolve: (result: WriteResult) => void;
  reject: (error: unknown) => void;
}

export interface InsertQueueOptions {
  pool: DbPool;
  context: RideContext;
  /** What `Location` is made of, before the id. */
  locationPrefix: string;
  /** Rows in one statement. */
  maxRows: number;
  /** Groups committing at the same time; the rows that arrive meanwhile make the next group. */
  maxInFlight: number;
}

/**
 * Gathers the inserts that arrive while others commit.
 *
 * Invariant: an insert is answered only after the commit that holds it. A group that the database refuses has inserted
 * nothing and is run row by row, so that only the row at fault fails. A row is given up at its own deadline, not at that
 * of the group it waited in, and at once when its client has gone before it was sent.
 */
export function createInsertQueue({ pool, context, locationPrefix, maxRows, maxInFlight }: InsertQueueOptions) {
  let waiting = new Set<Waiting>();
  let inFlight = 0;
  let scheduled = false;

  function insert(insert: GroupedInsert, deadline: number): Promise<WriteResult> {
    // rows that gather while groups are held are held too, and the gate would not see them
    return context.gate.admit(
      () =>
        new Promise((resolve, reject) => {
          const row = { ...insert, deadline, isSent: false, resolve, reject };
          watch(row);
          waiting.add(row);
          schedule();
        }),
    );
  }

  function watch(row: Waiting): void {
    if (!row.caller) return;
    row.caller.onGone = () => {
      waiting.delete(row);
      if (!row.isSent) row.reject(new ClientGoneError());
    };
  }

  function schedule(): void {
    if (scheduled || inFlight >= maxInFlight) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (waiting.size > 0 && inFlight < maxInFlight) void run(take());
    });
  }

  function take(): Waiting[] {
    const all = [...waiting];
    if (all.length <= maxRows) {
      waiting = new Set();
      return all;
    }
    const first = all.slice(0, maxRows);
    for (const row of first) waiting.delete(row);
    return first;
  }

  async function run(group: Waiting[]): Promise<void> {
    inFlight += 1;
    const deadline = Math.min(...group.map((row) => row.deadline));
    try {
      const items = await insertGroup(pool, context, group, locationPrefix, deadline, markSent);
      group.forEach((row, index) => {
        const item = items[index];
        if (item) row.resolve({ ...created(item, locationPrefix), position: item.position, replayed: false });
        else runSingly(row);
      });
    } catch (error) {
      if (error instanceof GroupRefusedError) group.forEach(runSingly);
      else if (error instanceof DeadlineError) gatherAgain(group, deadline, error);
      else for (const row of group) row.reject(error);
    } finally {
      inFlight -= 1;
      if (waiting.size > 0) schedule();
    }
  }

  /** Nothing was applied, and the deadline was that of the first row: the others have time left. */
  function gatherAgain(group: Waiting[], deadline: number, error: DeadlineError): void {
    for (const row of group) {
      if (row.deadline <= deadline) row.reject(error);
      else if (row.caller?.hasGone) row.reject(new ClientGoneError());
    }
    const again = group.filter((row) => row.deadline > deadline && !row.caller?.hasGone);
    for (const row of again) row.isSent = false;
    waiting = new Set([...again, ...waiting]);
  }

  function runSingly({ fields, identity, deadline, caller = null, resolve, reject }: Waiting): void {
    const insert = async (session: Session) => created(await insertItem(session, fields), locationPrefix);
    applyOnce(pool, context, identity ?? ownIdentity(), deadline, insert, caller).then(resolve, reject);
  }

  return { insert, waiting: () => waiting.size };
}

function markSent(rows: GroupedInsert[]): void {
  for (const row of rows) (row as Waiting).isSent = true;
}

function created({ id, body }: Omit<InsertedItem, 'position'>, locationPrefix: string): StoredAnswer {
  return { status: 201, body, etag: etagOf(body), location: `${locationPrefix}${id}` };
}
