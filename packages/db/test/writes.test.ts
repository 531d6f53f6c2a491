import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  clientIdentity,
  createInsertQueue,
  type DbPool,
  type ItemFields,
  insertItem,
  KeyInUseError,
  KeyReusedError,
  purgeRecords,
  type RideContext,
  type Session,
  type WriteIdentity,
  type WriteResult,
  writeOnce,
} from '../src/index.ts';
import { effects, type Fixture, noteEffects, run, startFixture } from './fixture.ts';

let fixture: Fixture;
let pool: DbPool;
let context: RideContext;
let test = 0;
let name = '';
beforeAll(async () => {
  fixture = await startFixture();
  pool = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary');
  context = fixture.writes(pool);
  await noteEffects(fixture);
});
afterAll(async () => {
  await fixture?.stop();
});
beforeEach(() => {
  name = `item ${++test}.`;
});

const fields = (of: string): ItemFields => ({ name: of, description: null, price: '1.00', isActive: true });
const soon = () => Date.now() + 30_000;
const identity = (key: string, request = 'the request') => clientIdentity(['POST', '/items', key], [request]);

function insertOnce(
  as: WriteIdentity,
  of: string,
  deadline = soon(),
  before = async (_: Session) => {},
): Promise<WriteResult> {
  return writeOnce(pool, context, as, deadline, async (session) => {
    await before(session);
    const item = await insertItem(session, fields(of));
    return { status: 201, body: item.body, etag: `"${item.id}"`, location: item.id };
  });
}

const insertQueue = () => createInsertQueue({ pool, context, locationPrefix: '', maxRows: 50, maxInFlight: 2 });

/** Sends again what was told that the first is still running, as a client would. */
async function insisting(send: () => Promise<WriteResult>): Promise<WriteResult> {
  for (;;) {
    const answer = await send().catch((error: unknown) => {
      if (error instanceof KeyInUseError) return null;
      throw error;
    });
    if (answer !== null) return answer;
    await delay(20);
  }
}

function expectOneAnswer(answers: WriteResult[]): void {
  expect(
    new Set(answers.map(({ status, body, etag, location }) => JSON.stringify([status, body, etag, location]))).size,
  ).toBe(1);
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
}

describe('one key', () => {
  it('has one effect and one answer among 200 requests at once', async () => {
    expectOneAnswer(
      await Promise.all(Array.from({ length: 200 }, () => insisting(() => insertOnce(identity(name), name)))),
    );
    expect(await effects(fixture, name)).toEqual([`INSERT ${name}`]);
  });

  it('has one effect and one answer among 200 grouped inserts at once', async () => {
    const queue = insertQueue();
    const insert = () => queue.insert({ fields: fields(name), identity: identity(name) }, soon());
    expectOneAnswer(await Promise.all(Array.from({ length: 200 }, () => insisting(insert))));
    expect(await effects(fixture, name)).toEqual([`INSERT ${name}`]);
  });

  it('does not cost the other rows of a group anything', async () => {
    const queue = insertQueue();
    await queue.insert({ fields: fields(`${name}used`), identity: identity(name) }, soon());
    const again = queue.insert({ fields: fields(`${name}used`), identity: identity(name) }, soon());
    const twice = Promise.allSettled(
      [1, 2].map(() => queue.insert({ fields: fields(`${name}twice`), identity: identity(`${name}2`) }, soon())),
    );
    const others = Array.from({ length: 20 }, (_, index) =>
      queue.insert(
        { fields: fields(`${name}other ${index}`), identity: index % 2 ? null : identity(`${name}o${index}`) },
        soon(),
      ),
    );
    expect((await again).replayed).toBe(true);
    for (const { replayed } of await Promise.all(others)) expect(replayed).toBe(false);
    const settled = await twice;
    const answered = settled.filter(({ status }) => status === 'fulfilled');
    expect(answered.length).toBeGreaterThanOrEqual(1);
    for (const each of settled) if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(KeyInUseError);
    expect((await effects(fixture, name)).filter((each) => !each.includes('other'))).toEqual([
      `INSERT ${name}twice`,
      `INSERT ${name}used`,
    ]);
    expect(await effects(fixture, `${name}other`)).toHaveLength(20);
  });

  it('is refused with another request, singly and in a group, and nothing is applied', async () => {
    await insertOnce(identity(name), name);
    await expect(insertOnce(identity(name, 'another'), `${name}b`)).rejects.toBeInstanceOf(KeyReusedError);
    const grouped = insertQueue().insert({ fields: fields(`${name}b`), identity: identity(name, 'another') }, soon());
    await expect(grouped).rejects.toBeInstanceOf(KeyReusedError);
    expect(await effects(fixture, name)).toEqual([`INSERT ${name}`]);
  });

  it('is in use while the first request runs, and answers it again afterwards', async () => {
    const running = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const first = insertOnce(identity(name), name, soon(), async () => {
      entered.resolve();
      await running.promise;
    });
    await entered.promise;
    await expect(insertOnce(identity(name), name)).rejects.toBeInstanceOf(KeyInUseError);
    await expect(
      insertQueue().insert({ fields: fields(name), identity: identity(name) }, soon()),
    ).rejects.toBeInstanceOf(KeyInUseError);
    running.resolve();
    const answer = await first;
    expect(await insertOnce(identity(name), name)).toMatchObject({ body: answer.body, replayed: true });
    expect(await effects(fixture, name)).toEqual([`INSERT ${name}`]);
  });

  it('answers again any number of requests at once, none of which is in use because of another', async () => {
    const first = await insertOnce(identity(name), name);
    const again = await Promise.all(Array.from({ length: 50 }, () => insertOnce(identity(name), name)));
    for (const answer of again) expect(answer).toMatchObject({ body: first.body, etag: first.etag, replayed: true });
    expect(await effects(fixture, name)).toEqual([`INSERT ${name}`]);
  });

  it('leaves no record when the work is refused', async () => {
    const refused = insertOnce(identity(name), name, soon(), async (session) => {
      await insertItem(session, fields(`${name}undone`));
      throw new KeyReusedError();
    });
    await expect(refused).rejects.toBeInstanceOf(KeyReusedError);
    expect((await insertOnce(identity(name), name)).replayed).toBe(false);
    expect(await effects(fixture, name)).toEqual([`INSERT ${name}`]);
  });
});

describe('a group', () => {
  it('is run row by row when the database refuses a row, and only that row fails', async () => {
    const queue = insertQueue();
    const rows = Array.from({ length: 10 }, (_, index) => ({
      ...fields(`${name}${index}`),
      price: index === 3 ? '-1' : '1.00',
    }));
    const settled = await Promise.allSettled(
      rows.map((each) => queue.insert({ fields: each, identity: null }, soon())),
    );
    expect(settled.map(({ status }) => status)).toEqual(
      rows.map((_, index) => (index === 3 ? 'rejected' : 'fulfilled')),
    );
    expect(settled[3]).toMatchObject({ reason: { code: '23514' } });
    const answers = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(answers.map(({ body }) => (JSON.parse(body ?? '') as { name: string }).name)).toEqual(
      rows.filter((_, index) => index !== 3).map((each) => each.name),
    );
    expect(await effects(fixture, name)).toHaveLength(9);
  });

  it('that is refused has let go of its keys before its rows are run singly', async () => {
    for (let round = 0; round < 30; round += 1) {
      const queue = insertQueue();
      const insert = (key: string) => queue.insert({ fields: fields(key), identity: identity(key) }, soon());
      const twice = Promise.allSettled([insert(`${name}${round}`), insert(`${name}${round}`)]);
      const others = await Promise.all(Array.from({ length: 20 }, (_, index) => insert(`${name}${round} ${index}`)));
      expect(others.map(({ replayed }) => replayed)).toEqual(others.map(() => false));
      expect((await twice).some(({ status }) => status === 'fulfilled')).toBe(true);
    }
    expect(await effects(fixture, name)).toHaveLength(30 * 21);
  });

  it('answers each of 1000 inserts with its own item', async () => {
    const queue = insertQueue();
    const names = Array.from({ length: 1_000 }, (_, index) => `${name}${index}`);
    const answers = await Promise.all(
      names.map((each, index) =>
        queue.insert({ fields: fields(each), identity: index % 3 ? null : identity(each) }, soon()),
      ),
    );
    expect(answers.map(({ body }) => (JSON.parse(body ?? '') as { name: string }).name)).toEqual(names);
    expect(new Set(answers.map(({ location }) => location)).size).toBe(1_000);
    expect(await effects(fixture, name)).toHaveLength(1_000);
  });
});

describe('purgeRecords', () => {
  it('deletes what is older than the retention, a bounded number at a time, and nothing younger', async () => {
    await insertOnce(identity(name), name);
    const owner = fixture.pool(fixture.settings(fixture.pair.primaryPort, 'owner'), 'primary');
    await owner.use(async (session) => {
      await run(session, `delete from idempotency_records where created_at < now() - interval '24 hours'`);
      await run(
        session,
        `insert into idempotency_records (key, status, created_at)
         select sha256(place::text::bytea), 204, now() - interval '25 hours' from generate_series(1, 25) as place`,
      );
      await run(
        session,
        `insert into insert_groups (id, item_ids, created_at)
         select gen_random_uuid(), '{}', now() - interval '25 hours' from generate_series(1, 5)`,
      );
    });
    expect(await purgeRecords(pool, 24, 10)).toBe(15);
    expect(await purgeRecords(pool, 24, 10)).toBe(10);
    expect(await purgeRecords(pool, 24, 10)).toBe(5);
    expect(await purgeRecords(pool, 24, 10)).toBe(0);
    expect((await insertOnce(identity(name), name)).replayed).toBe(true);
  });
});
