import type { Session, Statement } from './pool.ts';

/** What a client may say of an item. `price` is a decimal in text, so that no binary fraction touches money. */
export interface ItemFields {
  name: string;
  description: string | null;
  price: string;
  isActive: boolean;
}

/** An item as it leaves the service: rendered once, by the database, and never parsed again. */
export interface RenderedItem {
  id: string;
  /** JSON text of the item. */
  body: string;
}

export interface RenderedPage {
  /** JSON text of an array of items. */
  body: string;
  /** The last id of a full page, where the next one starts; null when nothing follows. */
  next: string | null;
}

export interface PageRequest {
  /** Rows passed over; slow when large, which is why `after` exists. */
  skip: number;
  limit: number;
  activeOnly: boolean;
  /** Only ids greater than this one. */
  after: string | null;
}

const utc = (column: string) => `replace((${column} at time zone 'UTC')::text, ' ', 'T') || 'Z"'`;

/**
 * The JSON of an item row named `item`: field names and their order stand here and nowhere else. Put together by hand,
 * which takes PostgreSQL half as long as `row_to_json` with `to_char`; what may need escaping goes through `to_json`.
 */
export const itemJson = `(
  '{"id":' || item.id || ',"name":' || to_json(item.name)::text ||
  ',"description":' || coalesce(to_json(item.description)::text, 'null') ||
  ',"price":' || item.price || ',"is_active":' || item.is_active ||
  ',"created_at":"' || ${utc('item.created_at')} || ',"updated_at":"' || ${utc('item.updated_at')} || '}'
)`;

/** The entity tag of an item row named `item`: `updated_at` as its JSON has it, quotes included. */
export const itemEtag = `('"' || ${utc('item.updated_at')})`;

/** The entity tag of a rendered item, whose last field is `updated_at`. */
export function etagOf(body: string): string {
  return body.slice(body.lastIndexOf('"', body.length - 3), -1);
}

const rendered = `item.id::text as id, ${itemJson} as body`;

/**
 * The JSON of one item an id, null where there is none, in the order of `ids`, which are decimal digits. They come as one
 * text, a line an item: a row of its own costs an item more than being found. JSON has no line break (RFC 8259, 7: it is
 * escaped within a text, and none is put elsewhere).
 */
export async function readItems(session: Session, ids: string[]): Promise<(string | null)[]> {
  const [row] = await session.query<{ bodies: string | null }>({
    name: 'items-by-id',
    text: `select string_agg(${itemJson}, E'\\n') as bodies from items as item where item.id = any($1::bigint[])`,
    values: [`{${ids.join(',')}}`],
  });
  const byId = new Map<string, string>();
  for (const body of row?.bodies?.split('\n') ?? []) byId.set(idOf(body), body);
  return ids.map((id) => byId.get(id) ?? null);
}

const beforeId = '{"id":'.length;

/** The id of a rendered item, whose first field it is. */
export function idOf(body: string): string {
  return body.slice(beforeId, body.indexOf(',', beforeId));
}

export async function readPage(session: Session, page: PageRequest): Promise<RenderedPage> {
  const [row] = await session.query<{ body: string; last: string | null; count: string }>(pageStatement(page));
  if (!row) throw new Error('an aggregate without grouping answered no row');
  return { body: row.body, next: Number(row.count) === page.limit ? row.last : null };
}

function pageStatement({ skip, limit, activeOnly, after }: PageRequest): Statement {
  return {
    name: activeOnly ? 'active-items-page' : 'items-page',
    text: `select coalesce('[' || string_agg(${itemJson}, ',' order by item.id) || ']', '[]') as body,
                  max(item.id)::text as last, count(*)::text as count
             from (select * from items
                    where id > $1::bigint ${activeOnly ? 'and is_active' : ''}
                    order by id limit $2::int offset $3::int) as item`,
    values: [after ?? '0', limit, skip],
  };
}

export async function insertItem(session: Session, fields: ItemFields): Promise<RenderedItem> {
  const [item] = await insertItems(session, [fields]);
  if (!item) throw new Error('an insert returned no row');
  return item;
}

/** Inserts all or none, answers in the order given. */
export function insertItems(session: Session, items: ItemFields[]): Promise<RenderedItem[]> {
  return session.query<RenderedItem & { id: string }>({
    name: 'insert-items',
    text: `with item as (
             insert into items (id, name, description, price, is_active, created_at, updated_at)
             overriding system value
             select nextval('items_id_seq'), name, description, price, is_active, now(), now()
               from (select * from unnest($1::text[], $2::text[], $3::numeric[], $4::boolean[])
                       with ordinality as given (name, description, price, is_active, place)
                      order by place) as given
             returning *
           )
           select ${rendered} from item order by item.id`,
    values: itemColumns(items),
  });
}

/** The columns `name, description, price, is_active` as arrays, for `unnest`. */
export function itemColumns(items: ItemFields[]): [string[], (string | null)[], string[], boolean[]] {
  return [
    items.map((item) => item.name),
    items.map((item) => item.description),
    items.map((item) => item.price),
    items.map((item) => item.isActive),
  ];
}

/** What a conditional change found. */
export type ItemChange = { found: 'changed'; item: RenderedItem } | { found: 'missing' } | { found: 'etag-differs' };

/** `ifMatch`: null for no condition, else the entity tags of which one must be the row's. Fields that are absent stay. */
export async function updateItem(
  session: Session,
  id: string,
  changes: Partial<ItemFields>,
  ifMatch: string[] | null,
): Promise<ItemChange> {
  const [item] = await session.query<RenderedItem & { id: string }>({
    name: 'update-item',
    text: `update items as item
              set name = coalesce($2, item.name),
                  description = case when $3::boolean then $4 else item.description end,
                  price = coalesce($5::numeric, item.price),
                  is_active = coalesce($6::boolean, item.is_active),
                  updated_at = greatest(clock_timestamp(), item.updated_at + interval '1 microsecond')
            where item.id = $1::bigint and ($7::text[] is null or ${itemEtag} = any($7))
            returning ${rendered}`,
    values: [
      id,
      changes.name ?? null,
      changes.description !== undefined,
      changes.description ?? null,
      changes.price ?? null,
      changes.isActive ?? null,
      ifMatch,
    ],
  });
  return item ? { found: 'changed', item } : explainNoChange(session, id, ifMatch);
}

export async function deleteItem(
  session: Session,
  id: string,
  ifMatch: string[] | null,
): Promise<{ found: 'deleted' } | Exclude<ItemChange, { found: 'changed' }>> {
  const [row] = await session.query<{ id: string }>({
    name: 'delete-item',
    text: `delete from items as item
            where item.id = $1::bigint and ($2::text[] is null or ${itemEtag} = any($2))
            returning item.id::text as id`,
    values: [id, ifMatch],
  });
  return row ? { found: 'deleted' } : explainNoChange(session, id, ifMatch);
}

async function explainNoChange(
  session: Session,
  id: string,
  ifMatch: string[] | null,
): Promise<{ found: 'missing' } | { found: 'etag-differs' }> {
  if (ifMatch === null) return { found: 'missing' };
  const [row] = await session.query({
    name: 'item-exists',
    text: 'select from items where id = $1::bigint',
    values: [id],
  });
  return row ? { found: 'etag-differs' } : { found: 'missing' };
}
