import { randomUUID } from 'node:crypto';
import { type Caller, ClientGoneError } from './caller.ts';
import { type ItemFields, idOf, itemColumns, itemEtag, itemJson, type RenderedItem } from './items.ts';
import { classify, FinalAnswerError, isDatabaseError } from './outcome.ts';
import type { DbPool, Session, Statement } from './pool.ts';
import { readCommitPosition } from './positions.ts';
import { type Attempt, type RideContext, ride } from './ride.ts';
import { begin, commit, together } from './transaction.ts';
import { lockNumber, type WriteIdentity, waitForStandby } from './write-once.ts';

/** An insert of a group. `identity`: null where the client named no key, and the group's own proof is enough. */
export interface GroupedInsert {
  fields: ItemFields;
  identity: WriteIdentity | null;
  caller?: Caller | null;
}

export interface InsertedItem extends RenderedItem {
  /** `Commit-LSN` */
  position: string;
}

/** The group was refused by the database and has inserted nothing. */
export class GroupRefusedError extends FinalAnswerError {
  readonly code = 'PGHA_GROUP_REFUSED';
  constructor(cause: unknown) {
    super('the database rejected a row of the group', { cause });
  }
}

/**
 * Inserts a group by one statement and one commit; answers in the order given. Null stands for a row that was left out,
 * because its key is in use or has been used (it is for `writeOnce` to say which), because the group was settled as not
 * applied, or because its client had gone before the group was sent. `onSend` is told whom an attempt holds. `location(id)` of an item is
 * `locationPrefix` and its id.
 *
 * Invariant: the group is applied at most once. Its row in `insert_groups` commits with its items and carries their ids,
 * so that a second attempt blocks on that row's key until the first has ended, and then takes its place or makes its
 * answers again. A row with an identity commits with its record, under the key's lock, as in `writeOnce`.
 *
 * Throws `GroupRefusedError` when nothing was inserted because of a row, and what `ride` throws.
 */
export async function insertGroup(
  pool: DbPool,
  context: RideContext,
  inserts: GroupedInsert[],
  locationPrefix: string,
  deadline: number,
  onSend: (sent: GroupedInsert[]) => void = () => {},
): Promise<(InsertedItem | null)[]> {
  const id = randomUUID();
  let sent = inserts;
  return ride(context, deadline, (attempt) =>
    pool.use(async (session) => {
      // what may have been applied is asked for again as it was
      if (!attempt.maybeApplied) sent = inserts.filter(({ caller }) => !caller?.hasGone);
      if (sent.length === 0) throw new ClientGoneError();
      onSend(sent);
      const values = [id, ...itemColumns(sent.map((insert) => insert.fields)), ...identityColumns(sent)];
      const { bodies, position } = await attemptGroup(session, values, locationPrefix, attempt);
      const places = new Map(sent.map((insert, index) => [insert, index + 1]));
      return inserts.map((insert) => {
        const body = bodies.get(places.get(insert) ?? 0);
        return body === undefined ? null : { id: idOf(body), body, position };
      });
    }),
  );
}

/** The JSON of the group's items by their place, which counts from 1. */
type PlacedBodies = Map<number, string>;

async function attemptGroup(
  session: Session,
  values: unknown[],
  locationPrefix: string,
  attempt: Attempt,
): Promise<{ bodies: PlacedBodies; position: string }> {
  try {
    // both travel at once; the position is read behind the commit
    const [bodies, position] = await together(
      insertRows(session, [...values, locationPrefix]),
      readCommitPosition(session),
    );
    return { bodies, position };
  } catch (error) {
    if (!isDatabaseError(error) || classify(error) !== 'rejected') throw error;
    if (attempt.maybeApplied && (await isApplied(session, values[0]))) {
      const [, , bodies, , position] = await together(
        begin(session),
        waitForStandby(session),
        renderAgain(session, values.slice(0, 5)),
        commit(session),
        readCommitPosition(session),
      );
      return { bodies, position };
    }
    throw new GroupRefusedError(error);
  }
}

/**
 * Whether an earlier attempt was applied, settled for good: its place is taken by an empty group, which waits for an
 * attempt that may still be running. When that has happened, the group is refused and can no longer be applied.
 */
async function isApplied(session: Session, groupId: unknown): Promise<boolean> {
  try {
    await session.query({
      name: 'settle-group',
      text: `insert into insert_groups (id, item_ids) values ($1, '{}')`,
      values: [groupId],
    });
    return false;
  } catch (error) {
    // nobody else has the group's id
    if (isDatabaseError(error) && error.constraint === 'insert_groups_pkey') return true;
    throw error;
  }
}

const given = `unnest($2::text[], $3::text[], $4::numeric[], $5::boolean[]) with ordinality as fields (name, description, price, is_active, place)`;

function insertRows(session: Session, values: unknown[]): Promise<PlacedBodies> {
  return queryPlaced(session, {
    name: 'insert-group',
    text: `with item as materialized (
             select nextval('items_id_seq') as id, name, description, price::numeric(12, 2) as price, is_active,
                    now() as created_at, now() as updated_at, place, key, fingerprint
               from ${given}
               join unnest($6::bytea[], $7::bytea[], $8::bigint[]) with ordinality
                    as identities (key, fingerprint, lock, place) using (place)
              where key is null
                 or pg_try_advisory_xact_lock(lock)
                and not exists (select from idempotency_records as known where known.key = identities.key)
           ), proof as (
             insert into insert_groups (id, item_ids)
             select $1, array_agg(item.id order by place) from ${given} left join item using (place)
           ), inserted as (
             insert into items (id, name, description, price, is_active, created_at, updated_at)
             overriding system value
             select id, name, description, price, is_active, created_at, updated_at from item
           ), recorded as (
             insert into idempotency_records (key, fingerprint, status, body, etag, location)
             select key, fingerprint, 201, ${itemJson}, ${itemEtag}, $9 || item.id from item where key is not null
           )
           select ${placedLines} from item`,
    values,
  });
}

/** The answers of a group that is known to have been applied, from its ids, its time and the requests. */
function renderAgain(session: Session, values: unknown[]): Promise<PlacedBodies> {
  return queryPlaced(session, {
    name: 'render-group',
    text: `select ${placedLines}
             from (select item_ids[place] as id, name, description, price::numeric(12, 2) as price, is_active,
                          created_at, created_at as updated_at, place
                     from insert_groups
                    cross join ${given}
                    where insert_groups.id = $1) as item
            where item.id is not null`,
    values,
  });
}

/** SQL of the group's items as one text, a line an item: its place, a space and its JSON (see `readItems`). */
const placedLines = `string_agg(place || ' ' || ${itemJson}, E'\\n') as lines`;

async function queryPlaced(session: Session, statement: Statement): Promise<PlacedBodies> {
  const [row] = await session.query<{ lines: string | null }>(statement);
  const bodies: PlacedBodies = new Map();
  for (const line of row?.lines?.split('\n') ?? []) {
    const space = line.indexOf(' ');
    bodies.set(Number(line.slice(0, space)), line.slice(space + 1));
  }
  return bodies;
}

function identityColumns(inserts: GroupedInsert[]): [(Buffer | null)[], (Buffer | null)[], (string | null)[]] {
  return [
    inserts.map(({ identity }) => identity?.key ?? null),
    inserts.map(({ identity }) => identity?.fingerprint ?? null),
    inserts.map(({ identity }) => (identity ? lockNumber(identity.key) : null)),
  ];
}
