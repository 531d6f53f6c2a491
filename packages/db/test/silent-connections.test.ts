import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createGate,
  createItemReads,
  createPool,
  type DbPool,
  defaultPoolLimits,
  type ExpectedRole,
  insertItem,
  ownIdentity,
  type Session,
  silentObserver,
  writeOnce,
} from '../src/index.ts';
import { effects, type Fixture, noteEffects, run, startFixture } from './fixture.ts';

/** A muted connection is noticed, and what it carried is answered over another, within this. */
const noticedMs = 15_000;
/** Longer than a silence is listened to, and short of the role's statement_timeout. */
const slowSeconds = 9;

let fixture: Fixture;
const open: { close(): unknown }[] = [];
beforeAll(async () => {
  fixture = await startFixture();
  await noteEffects(fixture);
});
afterAll(async () => {
  for (const each of open) await each.close();
  await fixture?.stop();
});

const fields = (name: string) => ({ name, description: null, price: '1.00', isActive: true });
const soon = () => Date.now() + 45_000;

/** A pool and how many connections it has given up. */
function watchedPool(port: number, role: ExpectedRole, limits = {}): { pool: DbPool; silent: () => number } {
  let silent = 0;
  const observer = {
    ...silentObserver,
    connectionsSilent(_: string, count: number) {
      silent += count;
    },
  };
  const login = role === 'primary' ? 'app' : 'readonly';
  const settings = fixture.settings(port, login);
  const pool = createPool('watched', settings, { ...defaultPoolLimits, ...limits }, role, observer);
  open.push(pool);
  return { pool, silent: () => silent };
}

async function within(ms: number, work: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await work();
  expect(performance.now() - began).toBeLessThan(ms);
}

describe('a connection that carries nothing any more', () => {
  it('in the middle of a transaction costs a write seconds, is ended on the server too, and applies nothing twice', async () => {
    const { pool, silent } = watchedPool(fixture.pair.primaryPort, 'primary', { maxSize: 4 });
    const context = fixture.writes(pool);
    const sessions: string[] = [];
    const work = async (session: Session) => {
      sessions.push(String((await run(session, 'select pg_backend_pid() as pid'))[0]?.['pid']));
      const item = await insertItem(session, fields('muted once'));
      if (sessions.length === 1) fixture.pair.muteConnections('primary');
      return { status: 201, body: item.body, etag: null, location: null };
    };
    await within(noticedMs, async () => {
      const answer = await writeOnce(pool, context, ownIdentity(), soon(), work);
      expect(answer).toMatchObject({ status: 201, replayed: false });
    });
    expect(silent()).toBeGreaterThanOrEqual(1);
    expect(sessions).toHaveLength(2);
    expect(await effects(fixture, 'muted once')).toEqual(['INSERT muted once']);
    const left = await fixture.direct.use((session) =>
      run(session, 'select from pg_stat_activity where pid = $1::int', [sessions[0]]),
    );
    expect(left).toEqual([]);
  });

  it('is not met again by the next caller: those that nobody used go with it', async () => {
    const { pool } = watchedPool(fixture.pair.primaryPort, 'primary', { minSize: 8 });
    const context = fixture.writes(pool);
    await pool.warm();
    fixture.pair.muteConnections('primary');
    await within(noticedMs, async () => {
      for (const name of ['muted all a', 'muted all b', 'muted all c']) {
        await writeOnce(pool, context, ownIdentity(), soon(), async (session) => {
          const item = await insertItem(session, fields(name));
          return { status: 201, body: item.body, etag: null, location: null };
        });
      }
    });
    expect(await effects(fixture, 'muted all')).toHaveLength(3);
  });

  it('costs a read seconds', async () => {
    const { pool } = watchedPool(fixture.pair.replicaPort, 'any-read-only');
    const gate = createGate(pool, 10);
    open.unshift(gate);
    const reads = createItemReads({ pool, context: { kind: 'read', gate, observer: silentObserver }, waitMs: 0 });
    const page = { skip: 0, limit: 1, activeOnly: false, after: null };
    await reads.page(page, { deadline: soon(), minLsn: null });
    fixture.pair.muteConnections('replica');
    await within(noticedMs, () => reads.page(page, { deadline: soon(), minLsn: null }));
  });
});

describe('a server that is slow', () => {
  it('is not taken for gone: neither while it executes, nor while a commit waits for the standby', async () => {
    const { pool, silent } = watchedPool(fixture.pair.primaryPort, 'primary');
    const replica = fixture.pool(fixture.settings(fixture.replicaMember(), 'superuser'), 'any-read-only');
    const [receiver] = await replica.use((session) => run(session, 'select pid from pg_stat_wal_receiver'));
    const pid = Number(receiver?.['pid']);
    process.kill(pid, 'SIGSTOP');
    const inserted = pool.use((session) => insertItem(session, fields('slowly confirmed')));
    try {
      const slept = await pool.use((session) => run(session, `select pg_sleep(${slowSeconds}), 'slept' as answer`));
      expect(slept[0]?.['answer']).toBe('slept');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect(Number((await inserted).id)).toBeGreaterThan(0);
    expect(silent()).toBe(0);
    expect(await effects(fixture, 'slowly')).toEqual(['INSERT slowly confirmed']);
  });
});
