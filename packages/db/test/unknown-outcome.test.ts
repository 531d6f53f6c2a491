import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  clientIdentity,
  createInsertQueue,
  type DbPool,
  deleteItem,
  type ItemFields,
  insertItem,
  ownIdentity,
  type RideContext,
  type StoredAnswer,
  updateItem,
  type WriteResult,
  writeOnce,
} from '../src/index.ts';
import { type Cut, type CuttingProxy, openCuttingProxy } from './cutting-proxy.ts';
import { effects, type Fixture, noteEffects, run, startFixture } from './fixture.ts';

let fixture: Fixture;
let proxy: CuttingProxy;
let pool: DbPool;
let context: RideContext;
beforeAll(async () => {
  fixture = await startFixture();
  proxy = await openCuttingProxy(fixture.pair.primaryPort);
  pool = fixture.pool(fixture.settings(proxy.port), 'primary');
  context = fixture.writes(pool);
  await noteEffects(fixture);
});
afterAll(async () => {
  await fixture?.stop();
  await proxy?.close();
});

const fields = (name: string): ItemFields => ({ name, description: null, price: '1.00', isActive: true });
const soon = () => Date.now() + 30_000;
const nameIn = ({ body }: { body: string | null }) => (JSON.parse(body ?? 'null') as { name: string }).name;

/** An item that a write changes, made past the proxy. */
async function existingItem(name: string): Promise<string> {
  const { id } = await fixture.direct.use((session) => insertItem(session, fields(name)));
  return id;
}

/** Every kind of write: makes one whose values begin with `name`, and says what must come of it. */
const kinds: Record<string, (name: string) => Promise<{ answers: Promise<unknown>; effects: string[] }>> = {
  'an insert': async (name) => ({
    answers: writeOnce(pool, context, ownIdentity(), soon(), async (session) =>
      answerOf(await insertItem(session, fields(name))),
    ).then((answer) => expect([answer.status, nameIn(answer), answer.replayed]).toEqual([201, name, false])),
    effects: [`INSERT ${name}`],
  }),
  'an update': async (name) => {
    const id = await existingItem(`${name}before`);
    const update = writeOnce(pool, context, clientIdentity([name], []), soon(), async (session) => {
      const change = await updateItem(session, id, { name: `${name}after` }, null);
      if (change.found !== 'changed') throw new Error(change.found);
      return answerOf(change.item);
    });
    return {
      answers: update.then((answer) => expect([nameIn(answer), answer.replayed]).toEqual([`${name}after`, false])),
      effects: [`INSERT ${name}before`, `UPDATE ${name}after`],
    };
  },
  'a delete': async (name) => {
    const id = await existingItem(name);
    const removal = writeOnce(pool, context, ownIdentity(), soon(), async (session) => {
      const change = await deleteItem(session, id, null);
      return { status: change.found === 'deleted' ? 204 : 404, body: null, etag: null, location: null };
    });
    return {
      answers: removal.then((answer) => expect(answer.status).toBe(204)),
      effects: [`DELETE ${name}`, `INSERT ${name}`],
    };
  },
  'a group of inserts': async (name) => {
    const queue = createInsertQueue({ pool, context, locationPrefix: '/items/', maxRows: 10, maxInFlight: 1 });
    const names = ['a', 'b', 'c', 'd'].map((each) => `${name}${each}`);
    const inserts = names.map((each, index) => {
      const identity = index % 2 === 0 ? null : clientIdentity([each], []);
      return queue.insert({ fields: fields(each), identity }, soon());
    });
    return {
      answers: Promise.all(inserts).then((answers) => {
        expect(answers.map(nameIn)).toEqual(names);
        expect(answers.map(({ status, replayed }) => [status, replayed])).toEqual(names.map(() => [201, false]));
        return expectItems(answers);
      }),
      effects: names.map((each) => `INSERT ${each}`),
    };
  },
};

const answerOf = ({ body }: { body: string }): StoredAnswer => ({
  status: 201,
  body,
  etag: null,
  location: null,
});

/** What the answers say is what the table holds. */
async function expectItems(answers: WriteResult[]): Promise<void> {
  for (const { location, body } of answers) {
    const [row] = await fixture.direct.use((session) =>
      run(session, 'select name, created_at = updated_at as fresh from items where id = $1::bigint', [
        location?.replace('/items/', ''),
      ]),
    );
    expect(row).toEqual({ name: nameIn({ body }), fresh: 't' });
  }
}

let runs = 0;
/** Runs a write that is cut as asked; whatever was cut, it has one effect and its own answer. True when it was cut. */
async function runCut(kind: string, cut: Cut): Promise<boolean> {
  // with an end of its own: no name is the beginning of another
  const name = `cut ${++runs}.`;
  const before = proxy.cuts();
  const begin = kinds[kind];
  if (!begin) throw new Error(`no kind ${kind}`);
  proxy.cutNext(cut);
  const write = await begin(name);
  await write.answers;
  proxy.cutNext(null);
  expect(await effects(fixture, name)).toEqual(write.effects);
  return proxy.cuts() > before;
}

describe('a connection cut around a commit leaves one effect and the right answer of', () => {
  const commits: Record<string, string> = {
    'an insert': 'commit',
    'an update': 'commit',
    'a delete': 'commit',
    'a group of inserts': 'insert-group',
  };
  for (const [kind, statement] of Object.entries(commits)) {
    for (const when of ['before', 'sent', 'done'] as const) {
      it(`${kind}, cut at its ${statement}, ${when}`, async () => {
        await pool.warm();
        expect(await runCut(kind, { at: statement, when })).toBe(true);
      });
    }
  }
});

describe('a connection cut at any message leaves one effect and the right answer of', () => {
  it.each(Object.keys(kinds))('%s', async (kind) => {
    let message = 1;
    while (await runCut(kind, { at: message, when: 'sent' })) message += 1;
    // a write is more than its commit: a look at fewer messages than these was none
    expect(message).toBeGreaterThan(5);
  });
});
