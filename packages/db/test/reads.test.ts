import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createInsertQueue,
  createItemReads,
  type DbPool,
  formatLsn,
  idOf,
  insertItem,
  ownIdentity,
  parseLsn,
  ReplicaBehindError,
  silentObserver,
  writeOnce,
} from '../src/index.ts';
import { type Fixture, run, startFixture } from './fixture.ts';

let fixture: Fixture;
let primary: DbPool;
beforeAll(async () => {
  fixture = await startFixture();
  primary = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary');
});
afterAll(async () => {
  await fixture?.stop();
});

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );
const soon = () => Date.now() + 30_000;
const fields = (name: string) => ({ name, description: null, price: '1.00', isActive: true });

describe('items that are read or made together', () => {
  it('come back each whole and to who asked for it, whatever their texts hold', async () => {
    const context = fixture.writes(primary);
    const queue = createInsertQueue({ pool: primary, context, locationPrefix: '/', maxRows: 50, maxInFlight: 1 });
    const { item } = createItemReads({ pool: primary, context: { ...context, kind: 'read' }, waitMs: 0 });
    const text = fc
      .oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('a\nb', '\n', '\r\n', '\u2028', '1 {"id":2}', '{"id":9,"', '\\n', '\t"'),
      )
      .filter((each) => each.isWellFormed() && !each.includes('\0'));
    const made = fc.record({
      name: text.filter((each) => each !== '').map((each) => [...each].slice(0, 255).join('')),
      description: fc.option(text),
      price: fc.nat({ max: 99_999 }).map((cents) => (cents / 100).toFixed(2)),
      isActive: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(made, { minLength: 1, maxLength: 12 }), async (all) => {
        const answers = await Promise.all(all.map((each) => queue.insert({ fields: each, identity: null }, soon())));
        const ids = answers.map(({ location }) => location?.slice(1) ?? '');
        const asked = [...ids.toReversed(), '9000000000000000000', ids[0] ?? ''];
        const read = await Promise.all(asked.map((id) => item(id, { deadline: soon(), minLsn: null })));
        const bodies = new Map(asked.map((id, at) => [id, read[at]?.value ?? null]));
        expect(bodies.get('9000000000000000000')).toBeNull();
        for (const [at, { name, description, price, isActive }] of all.entries()) {
          const body = bodies.get(ids[at] ?? '');
          expect(body).toBe(answers[at]?.body);
          expect(JSON.parse(body ?? 'null')).toMatchObject({
            id: Number(ids[at]),
            name,
            description,
            price: Number(price),
            is_active: isActive,
          });
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('a read with a position', () => {
  const replica = () => fixture.pool(fixture.settings(fixture.pair.replicaPort, 'readonly'), 'any-read-only');
  const reads = (pool: DbPool, waitMs: number) =>
    createItemReads({ pool, context: { ...fixture.writes(pool), kind: 'read', observer: silentObserver }, waitMs });
  const superuser = (text: string) =>
    fixture
      .pool(fixture.settings(fixture.replicaMember(), 'superuser'), 'any-read-only')
      .use((session) => run(session, text));
  afterEach(async () => {
    await superuser('select pg_wal_replay_resume()');
  });

  async function write(name: string) {
    const result = await writeOnce(primary, fixture.writes(primary), ownIdentity(), soon(), async (session) => {
      const item = await insertItem(session, fields(name));
      return { status: 201, body: item.body, etag: null, location: item.id };
    });
    const minLsn = parseLsn(result.position);
    if (minLsn === null) throw new Error(`not a position: ${result.position}`);
    return { id: String(result.location), minLsn };
  }

  it('sees the write the position came from, every time', async () => {
    const { item } = reads(replica(), 5_000);
    for (let round = 0; round < 50; round += 1) {
      const { id, minLsn } = await write(`position ${round}`);
      const { value, position } = await item(id, { deadline: soon(), minLsn });
      expect(JSON.parse(value ?? 'null')).toMatchObject({ name: `position ${round}` });
      expect(position.lsn).toBeGreaterThanOrEqual(minLsn.lsn);
    }
  });

  it('waits no longer than it may for a replica that does not replay, and then says how far it is', async () => {
    await superuser('select pg_wal_replay_pause()');
    const { id, minLsn } = await write('paused');
    const { item, page } = reads(replica(), 100);
    const everything = { skip: 0, limit: 1, activeOnly: false, after: null };
    const terms = { deadline: soon(), minLsn };
    for (const error of await Promise.all([item(id, terms), page(everything, terms)].map(errorOf))) {
      expect(error).toBeInstanceOf(ReplicaBehindError);
      expect((error as ReplicaBehindError).reached.lsn).toBeLessThan(minLsn.lsn);
    }
    expect((await item(id, { deadline: soon(), minLsn: null })).value).toBeNull();
  });

  it('is answered when the replica catches up while it waits', async () => {
    await superuser('select pg_wal_replay_pause()');
    const { id, minLsn } = await write('late');
    const reading = reads(replica(), 20_000).item(id, { deadline: soon(), minLsn });
    await superuser('select pg_wal_replay_resume()');
    expect(idOf((await reading).value ?? '')).toBe(id);
  });

  it('goes to the primary where there is no replica, and is at least as new there', async () => {
    const { id, minLsn } = await write('primary');
    const { item } = reads(fixture.pool(fixture.settings(fixture.pair.primaryPort, 'readonly'), 'any-read-only'), 0);
    const { value, position } = await item(id, { deadline: soon(), minLsn });
    expect(idOf(value ?? '')).toBe(id);
    expect(position.timeline).toBe(minLsn.timeline);
    expect(formatLsn(position)).toMatch(/^[0-9A-F]+\/[0-9A-F]+;tl=\d+$/);
  });
});
