import type pg from 'pg';

export interface Item {
  id: number;
  name: string;
  description: string | null;
  price: number;
  is_active: boolean;
  created_at: string;
  updated_at: string;
}

/** What the services have said that they stored. */
export interface Model {
  items: Map<string, Item>;
  /** The newest Commit-LSN anybody was given. */
  position: string | null;
  put(item: Item): void;
  remove(id: string): void;
  /** A write was acknowledged that has a record of its own, or a place in a group of inserts, or both. */
  countProofs(proofs: { record: boolean; grouped: boolean }): void;
  /** An insert under this name had no answer: it may be there or not. */
  mayHave(name: string): void;
  /** Every way in which the table differs from the model: nothing that was refused has left a trace. */
  differences(database: pg.Client): Promise<string[]>;
}

export function createModel(): Model {
  const items = new Map<string, Item>();
  const uncertain = new Set<string>();
  const proofs = { record: 0, grouped: 0 };
  return {
    items,
    position: null,
    put: (item) => void items.set(String(item.id), item),
    remove: (id) => void items.delete(id),
    countProofs({ record, grouped }) {
      if (record) proofs.record += 1;
      if (grouped) proofs.grouped += 1;
    },
    mayHave: (name) => void uncertain.add(name),
    async differences(database) {
      const { rows, found } = await readAtOnce(database);
      for (const row of rows) {
        if (!items.has(String(row.id)) && uncertain.delete(row.name)) {
          items.set(String(row.id), row);
          proofs.grouped += 1;
        }
      }
      return [...compareItems(rows, items), ...compareProofs(found, proofs)];
    },
  };
}

/** The table and the proofs of one moment: an insert whose client hung up may commit at any time. */
async function readAtOnce(database: pg.Client) {
  await database.query('begin isolation level repeatable read, read only');
  const rows = await readTable(database);
  const found = await readProofs(database);
  await database.query('commit');
  return { rows, found };
}

async function readTable(database: pg.Client): Promise<Item[]> {
  const { rows } = await database.query<Omit<Item, 'id' | 'price'> & { id: string; price: string }>(
    `select id::text as id, name, description, price::text as price, is_active,
            to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
            to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at
       from items order by id`,
  );
  return rows.map((row) => ({ ...row, id: Number(row.id), price: Number(row.price) }));
}

function compareItems(rows: Item[], items: Map<string, Item>): string[] {
  const found = new Map(rows.map((row) => [String(row.id), row]));
  const missing = [...items.values()].filter((item) => !found.has(String(item.id)));
  const different = rows.filter((row) => {
    const item = items.get(String(row.id));
    return (
      !item ||
      fields.some((field) => row[field] !== item[field]) ||
      times.some((time) => !isSameTime(row[time], item[time]))
    );
  });
  return [
    ...missing.map((item) => `acknowledged and not in the table: ${JSON.stringify(item)}`),
    ...different.map((row) => {
      const item = items.get(String(row.id));
      return `in the table ${JSON.stringify(row)}, where the answers said ${item ? JSON.stringify(item) : 'nothing'}`;
    }),
  ];
}

const fields = ['name', 'description', 'price', 'is_active'] as const;
const times = ['created_at', 'updated_at'] as const;

/** Zeros at the end of a fraction may be left out. */
function isSameTime(a: string, b: string): boolean {
  const shorten = (time: string) => time.replace(/\.?0*Z$/, 'Z');
  return shorten(a) === shorten(b);
}

async function readProofs(database: pg.Client): Promise<{ record: number; grouped: number }> {
  const { rows } = await database.query<{ record: number; grouped: number }>(
    `select (select count(*)::int from idempotency_records) as record,
            (select count(item)::int from insert_groups cross join unnest(item_ids) as item) as grouped`,
  );
  return rows[0] ?? { record: -1, grouped: -1 };
}

function compareProofs(
  found: { record: number; grouped: number },
  wanted: { record: number; grouped: number },
): string[] {
  return (['record', 'grouped'] as const)
    .filter((kind) => found[kind] !== wanted[kind])
    .map((kind) => `${found[kind]} proofs of kind ${kind} for ${wanted[kind]} acknowledged writes`);
}

/** api.md's rules for an item, said once more and apart from the service: what may be accepted at all. */
export function itemFaults(value: unknown, { partial }: { partial: boolean }): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ['not an object'];
  const item = value as Record<string, unknown>;
  const faults = Object.keys(item)
    .filter((name) => !(name in rules))
    .map((name) => `unknown field ${JSON.stringify(name)}`);
  for (const [name, rule] of Object.entries(rules)) {
    const given = Object.hasOwn(item, name);
    if (given && !rule(item[name])) faults.push(`${name}: ${JSON.stringify(item[name])}`);
    if (!given && !partial && (name === 'name' || name === 'price')) faults.push(`${name} is missing`);
  }
  if (partial && Object.keys(item).length === 0) faults.push('no field at all');
  return faults;
}

const isText = (value: unknown, shortest: number, longest: number): boolean => {
  if (typeof value !== 'string' || !value.isWellFormed() || value.includes('\0')) return false;
  const { length } = [...value];
  return length >= shortest && length <= longest;
};

const rules: Record<string, (value: unknown) => boolean> = {
  name: (value) => isText(value, 1, 255),
  description: (value) => value === null || isText(value, 0, 1000),
  price: (value) => typeof value === 'number' && value >= 0 && value < 1e10 && Number(value.toFixed(2)) === value,
  is_active: (value) => typeof value === 'boolean',
};
