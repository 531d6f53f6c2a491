import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGate, DeadlineError, QueueFullError } from './gate.ts';
import { createInsertQueue } from './insert-queue.ts';
import { silentObserver } from './observer.ts';
import { NoConnectionError } from './outcome.ts';
import type { DbPool, Session, Statement } from './pool.ts';
import { OutcomeUnknownError } from './ride.ts';
import { clientIdentity } from './write-once.ts';

/** What happens to a statement: its connection is lost before or after it ran, or it is rolled back. */
type Fault = 'none' | 'lost before' | 'lost after' | 'rolled back' | 'no connection';

type Row = Record<string, unknown>;

const databaseError = (code: string, constraint = '') =>
  Object.assign(new Error(code), { code, severity: 'ERROR', constraint });
const isRefused = (name: string) => name.startsWith('refused');

const placedLines = (ids: (string | null)[], names: string[]): string[] =>
  ids.map((id, index) => `${index + 1} ${rendered(id ?? '', names[index] ?? '')['body']}`);

/** The statements of grouped and single inserts on tables in memory, with a transaction's all or nothing. */
function fakeDatabase(faults: Fault[]) {
  const items = new Map<string, string>();
  const groups = new Map<string, (string | null)[]>();
  const records = new Map<string, Row>();
  let ids = 0;
  /** What the statement being applied has added: statements only add, and undoing one takes that away. */
  let added: (() => void)[] = [];

  function add<V>(to: Map<string, V>, key: string, value: V): void {
    to.set(key, value);
    added.push(() => to.delete(key));
  }

  function insertItems(names: string[]): string[] {
    if (names.some(isRefused)) throw databaseError('23514');
    return names.map((name) => {
      add(items, String(++ids), name);
      return String(ids);
    });
  }

  /** Applies a statement to the tables at once; a transaction that does not commit takes it back. */
  function apply({ name, values = [] }: Statement): Row[] {
    const [first, names] = values as [string, string[]];
    switch (name) {
      case 'find-record': {
        const known = records.get(String(values[0]));
        return known ? [known] : [];
      }
      case 'insert-items': {
        const given = values[0] as string[];
        return insertItems(given).map((id, index) => rendered(id, given[index] ?? ''));
      }
      case 'record-answer':
        add(records, String(values[0]), {
          fingerprint: null,
          status: '201',
          body: values[3],
          etag: '""',
          location: values[5],
        });
        return [];
      case 'insert-group': {
        if (groups.has(first)) throw databaseError('23505', 'insert_groups_pkey');
        const inserted = insertItems(names);
        add(groups, first, inserted);
        // in no particular order, as a query without one may answer
        return [{ lines: placedLines(inserted, names).reverse().join('\n') }];
      }
      case 'settle-group':
        if (groups.has(first)) throw databaseError('23505', 'insert_groups_pkey');
        add(groups, first, []);
        return [];
      case 'render-group':
        return [{ lines: placedLines(groups.get(first) ?? [], names).join('\n') || null }];
      case 'try-lock-key':
        return [{ locked: 't' }];
      case 'commit-position':
        return [{ lsn: '0/1' }];
      default:
        return [];
    }
  }

  function connect(): Session {
    let undoing: (() => void)[] = [];
    let inTransaction = false;
    let lost = false;
    const undo = () => {
      for (const each of undoing) each();
      undoing = [];
      inTransaction = false;
    };
    const lose = () => {
      lost = true;
      undo();
      return new Error('Connection terminated unexpectedly');
    };
    async function query(statement: Statement): Promise<Row[]> {
      if (lost) throw new Error('Client was closed and is not queryable');
      const fault = statement.name === 'probe' ? 'none' : (faults.shift() ?? 'none');
      if (fault === 'lost before') throw lose();
      if (fault === 'rolled back' && statement.name !== 'commit-position') {
        undo();
        throw databaseError('40P01');
      }
      if (statement.name === 'begin') inTransaction = true;
      if (statement.name === 'rollback') undo();
      added = [];
      const rows = apply(statement);
      undoing.push(...added);
      if (statement.name === 'commit') inTransaction = false;
      if (!inTransaction) undoing = [];
      if (fault === 'lost after') throw lose();
      return rows;
    }
    return { query: query as Session['query'], timeline: 1 };
  }

  const pool: DbPool = {
    name: 'fake',
    async use(work) {
      if (faults[0] === 'no connection') {
        faults.shift();
        throw new NoConnectionError(new Error('connect ECONNREFUSED'));
      }
      return work(connect());
    },
    warm: async () => {},
    counts: () => ({ total: 0, idle: 0, waiting: 0 }),
    close: async () => {},
  };
  return { pool, items };
}

const rendered = (id: string, name: string) => ({ id, body: JSON.stringify({ id: Number(id), name }) });
const fields = (name: string) => ({ name, description: null, price: '1', isActive: true });
const soon = () => Date.now() + 60_000;

function queueOn(faults: Fault[], { maxRows = 10, maxInFlight = 1, queueLimit = 1_000 } = {}) {
  const { pool, items } = fakeDatabase(faults);
  const gate = createGate(pool, queueLimit, 1);
  const context = { kind: 'write' as const, gate, observer: silentObserver };
  return { ...createInsertQueue({ pool, context, locationPrefix: '/items/', maxRows, maxInFlight }), items, gate };
}

describe('createInsertQueue', () => {
  it('answers each insert with its own item, in groups no larger than allowed', async () => {
    const { insert, items } = queueOn([], { maxRows: 3 });
    const names = Array.from({ length: 10 }, (_, index) => `item ${index}`);
    const answers = await Promise.all(names.map((name) => insert({ fields: fields(name), identity: null }, soon())));
    expect(answers.map(({ body }) => JSON.parse(body ?? '').name)).toEqual(names);
    expect(answers.map(({ location }) => items.get(location?.replace('/items/', '') ?? ''))).toEqual(names);
  });

  it('fails the row at fault alone', async () => {
    const { insert } = queueOn([]);
    const names = ['a', 'refused', 'b'];
    const settled = await Promise.allSettled(
      names.map((name) => insert({ fields: fields(name), identity: null }, soon())),
    );
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('does not end a row that has time left with the deadline of another', async () => {
    const { insert, gate } = queueOn(Array.from({ length: 500 }, () => 'no connection' as const));
    const short = insert({ fields: fields('short'), identity: null }, Date.now() + 30);
    const long = insert({ fields: fields('long'), identity: null }, Date.now() + 30_000);
    await expect(short).rejects.toBeInstanceOf(DeadlineError);
    expect(JSON.parse((await long).body ?? '').name).toBe('long');
    gate.close();
  });

  it('holds no more than the gate admits, wherever they wait', async () => {
    const { insert, gate, items } = queueOn(
      Array.from({ length: 100 }, () => 'no connection' as const),
      { queueLimit: 5 },
    );
    gate.shut();
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => insert({ fields: fields(`item ${index}`), identity: null }, soon())),
    );
    const refused = all.filter((each) => each.status === 'rejected' && each.reason instanceof QueueFullError);
    expect([refused.length, items.size]).toEqual([15, 5]);
  });

  it('answers every insert once and applies it once, whatever happens to the connections', async () => {
    const fault = fc.constantFrom<Fault>('none', 'none', 'lost before', 'lost after', 'rolled back', 'no connection');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ refused: fc.boolean(), keyed: fc.boolean() }), { minLength: 1, maxLength: 8 }),
        fc.array(fault, { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (inserts, faults, maxRows, maxInFlight) => {
          const { insert, items } = queueOn([...faults], { maxRows, maxInFlight });
          const names = inserts.map(({ refused }, index) => `${refused ? 'refused' : 'item'} ${index}`);
          const settled = await Promise.allSettled(
            names.map((name, index) =>
              insert(
                { fields: fields(name), identity: inserts[index]?.keyed ? clientIdentity([name], []) : null },
                soon(),
              ),
            ),
          );
          settled.forEach((each, index) => {
            const name = names[index] ?? '';
            if (each.status === 'fulfilled') expect(JSON.parse(each.value.body ?? '')).toMatchObject({ name });
            else if (each.reason instanceof OutcomeUnknownError) expect(isRefused(name)).toBe(true);
            else expect([isRefused(name), each.reason.code]).toEqual([true, '23514']);
          });
          expect([...items.values()].sort()).toEqual(names.filter((name) => !isRefused(name)).sort());
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);
});
