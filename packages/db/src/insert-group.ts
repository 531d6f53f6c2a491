import { randomUUID } from 'node:crypto';
import { type ItemFields, insertItem, itemColumns, itemEtag, itemJson, type RenderedItem } from './items.ts';
import { isDatabaseError } from './outcome.ts';
import type { DbPool, Session } from './pool.ts';
import { readCommitPosition } from './positions.ts';
import { type Attempt, type RideContext, ride } from './ride.ts';
import { transaction } from './transaction.ts';
import { ownIdentity, waitForStandby, writeOnce } from './write-once.ts';

export interface InsertedItem extends RenderedItem {
  position: string;
}

interface Waiting {
  fields: ItemFields;
  deadline: number;
  resolve: (item: InsertedItem) => void;
  reject: (error: unknown) => void;
}

export interface InsertGroupsOptions {
  pool: DbPool;
  context: RideContext;
  /** Rows in one statement. */
  maxRows: number;
  /** Groups committing at the same time; the rows that arrive meanwhile make the next group. */
  maxInFlight: number;
}

/**
 * Groups the inserts that arrive while others commit into one statement and one commit.
 *
 * Invariant: an insert is answered only after the commit that holds it, and is applied at most once: the group's row in
 * `insert_groups` commits with its items and carries their ids, so that an attempt that meets it makes the answers again
 * instead of inserting. A row that the database refuses fails the group, which then has inserted nothing and is run row by
 * row, each with a proof of its own.
 */
export function createInsertGroups({ pool, context, maxRows, maxInFlight }: InsertGroupsOptions) {
  const waiting: Waiting[] = [];
  let inFlight = 0;
  let scheduled = false;

  function insert(fields: ItemFields, deadline: number): Promise<InsertedItem> {
    return new Promise((resolve, reject) => {
      waiting.push({ fields, deadline, resolve, reject });
      schedule();
    });
  }

  function schedule(): void {
    if (scheduled || inFlight >= maxInFlight) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (waiting.length > 0 && inFlight < maxInFlight) void run(waiting.splice(0, maxRows));
    });
  }

  async function run(group: Waiting[]): Promise<void> {
    inFlight += 1;
    try {
      const items = group.map((row) => row.fields);
      const inserted = await insertGroup(pool, context, items, Math.min(...group.map((row) => row.deadline)));
      group.forEach((row, index) => {
        row.resolve(inserted[index] as InsertedItem);
      });
    } catch (error) {
      if (isDatabaseError(error) && group.length > 1) void runSingly(group);
      else for (const row of group) row.reject(error);
    } finally {
      inFlight -= 1;
      if (waiting.length > 0) schedule();
    }
  }

  async function runSingly(group: Waiting[]): Promise<void> {
    await Promise.all(
      group.map((row) => insertOnce(pool, context, row.fields, row.deadline).then(row.resolve, row.reject)),
    );
  }

  return { insert, waiting: () => waiting.length };
}

async function insertOnce(
  pool: DbPool,
  context: RideContext,
  fields: ItemFields,
  deadline: number,
): Promise<InsertedItem> {
  let item: RenderedItem | null = null;
  const result = await writeOnce(pool, context, ownIdentity(), deadline, async (session) => {
    item = await insertItem(session, fields);
    return { status: 201, body: item.body, etag: item.etag, location: item.id };
  });
  return { id: result.location ?? '', body: result.body ?? '', etag: result.etag ?? '', position: result.position };
}

/** Inserts `items` as one group, answers in their order. Throws the database's error when it refuses a row. */
export async function insertGroup(
  pool: DbPool,
  context: RideContext,
  items: ItemFields[],
  deadline: number,
): Promise<InsertedItem[]> {
  const groupId = randomUUID();
  return ride(context, deadline, (attempt) =>
    pool.use(async (session) => {
      const [rendered, position] = await attemptGroup(session, groupId, items, attempt);
      return rendered.map((item) => ({ ...item, position }));
    }),
  );
}

async function attemptGroup(
  session: Session,
  groupId: string,
  items: ItemFields[],
  attempt: Attempt,
): Promise<[RenderedItem[], string]> {
  try {
    // both travel at once; the position is read behind the commit
    return await Promise.all([insertStatement(session, groupId, items), readCommitPosition(session)]);
  } catch (error) {
    const applied = attempt.maybeApplied && isDatabaseError(error) && error.constraint === 'insert_groups_pkey';
    if (!applied) throw error;
    const rendered = await transaction(session, async () => {
      await waitForStandby(session);
      return renderAgain(session, groupId, items);
    });
    return [rendered, await readCommitPosition(session)];
  }
}

/** A second attempt blocks on the group's key until the first has ended, and then meets it or takes its place. */
function insertStatement(session: Session, groupId: string, items: ItemFields[]): Promise<RenderedItem[]> {
  return session.query<RenderedItem & { id: string }>({
    name: 'insert-group',
    text: `with item as materialized (
             select nextval('items_id_seq') as id, name, description, price::numeric(12, 2) as price, is_active,
                    now() as created_at, now() as updated_at, place
               from unnest($2::text[], $3::text[], $4::numeric[], $5::boolean[])
                    with ordinality as given (name, description, price, is_active, place)
           ), proof as (
             insert into insert_groups (id, item_ids, created_at)
             select $1, array_agg(id order by place), now() from item
           ), inserted as (
             insert into items (id, name, description, price, is_active, created_at, updated_at)
             overriding system value
             select id, name, description, price, is_active, created_at, updated_at from item
           )
           select item.id::text as id, ${itemJson} as body, ${itemEtag} as etag from item order by place`,
    values: [groupId, ...itemColumns(items)],
  });
}

/** The answers of a group that is known to have been applied, from its ids, its time and the requests. */
function renderAgain(session: Session, groupId: string, items: ItemFields[]): Promise<RenderedItem[]> {
  return session.query<RenderedItem & { id: string }>({
    name: 'render-group',
    text: `select item.id::text as id, ${itemJson} as body, ${itemEtag} as etag
             from (select item_ids[place] as id, name, description, price::numeric(12, 2) as price, is_active,
                          created_at, created_at as updated_at, place
                     from insert_groups
                    cross join unnest($2::text[], $3::text[], $4::numeric[], $5::boolean[])
                          with ordinality as given (name, description, price, is_active, place)
                    where insert_groups.id = $1) as item
            order by place`,
    values: [groupId, ...itemColumns(items)],
  });
}
