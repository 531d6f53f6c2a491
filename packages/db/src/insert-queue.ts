import { type GroupedInsert, GroupRefusedError, type InsertedItem, insertGroup } from './insert-group.ts';
import { insertItem } from './items.ts';
import type { DbPool } from './pool.ts';
import type { RideContext } from './ride.ts';
import { ownIdentity, type StoredAnswer, type WriteResult, writeOnce } from './write-once.ts';

interface Waiting extends GroupedInsert {
  deadline: number;
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
 * nothing and is run row by row, so that only the row at fault fails.
 */
export function createInsertQueue({ pool, context, locationPrefix, maxRows, maxInFlight }: InsertQueueOptions) {
  let waiting: Waiting[] = [];
  let inFlight = 0;
  let scheduled = false;

  function insert(insert: GroupedInsert, deadline: number): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      waiting.push({ ...insert, deadline, resolve, reject });
      schedule();
    });
  }

  function schedule(): void {
    if (scheduled || inFlight >= maxInFlight) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (waiting.length > 0 && inFlight < maxInFlight) void run(take());
    });
  }

  function take(): Waiting[] {
    if (waiting.length > maxRows) return waiting.splice(0, maxRows);
    const all = waiting;
    waiting = [];
    return all;
  }

  async function run(group: Waiting[]): Promise<void> {
    inFlight += 1;
    try {
      const deadline = Math.min(...group.map((row) => row.deadline));
      const items = await insertGroup(pool, context, group, locationPrefix, deadline);
      group.forEach((row, index) => {
        const item = items[index];
        if (item) row.resolve({ ...created(item, locationPrefix), position: item.position, replayed: false });
        else runSingly(row);
      });
    } catch (error) {
      if (error instanceof GroupRefusedError) group.forEach(runSingly);
      else for (const row of group) row.reject(error);
    } finally {
      inFlight -= 1;
      if (waiting.length > 0) schedule();
    }
  }

  function runSingly({ fields, identity, deadline, resolve, reject }: Waiting): void {
    writeOnce(pool, context, identity ?? ownIdentity(), deadline, async (session) =>
      created(await insertItem(session, fields), locationPrefix),
    ).then(resolve, reject);
  }

  return { insert, waiting: () => waiting.length };
}

function created({ id, body, etag }: Omit<InsertedItem, 'position'>, locationPrefix: string): StoredAnswer {
  return { status: 201, body, etag, location: `${locationPrefix}${id}` };
}
