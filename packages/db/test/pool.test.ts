import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  classify,
  type DbPool,
  type DbSettings,
  insertItem,
  NoConnectionError,
  ownIdentity,
  type Session,
  WrongRoleError,
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
const backendOf = async (session: Session) =>
  Number((await run(session, 'select pg_backend_pid() as pid'))[0]?.['pid']);
const soon = () => Date.now() + 30_000;
const fields = (name: string) => ({ name, description: null, price: '1.00', isActive: true });

describe('a pool for the primary', () => {
  it('refuses a standby', async () => {
    const wrong = fixture.pool(fixture.settings(fixture.replicaMember()), 'primary');
    const error = await errorOf(wrong.use((session) => run(session, 'select 1')));
    expect(error).toBeInstanceOf(WrongRoleError);
    expect(classify(error)).toBe('refused');
    expect(wrong.counts().total).toBe(0);
  });

  it.each([
    ['the database', 'alter database %d set synchronous_commit = %v', 'alter database %d reset synchronous_commit'],
    ['the role', 'alter role %r set synchronous_commit = %v', 'alter role %r reset synchronous_commit'],
    [
      'the role in the database',
      'alter role %r in database %d set synchronous_commit = %v',
      'alter role %r in database %d reset synchronous_commit',
    ],
    ['every role', 'alter role all set synchronous_commit = %v', 'alter role all reset synchronous_commit'],
    ['the system', 'alter system set synchronous_commit = %v', 'alter system reset synchronous_commit'],
  ])('waits for the synchronous standby whatever was stored for %s', async (_level, set, reset) => {
    const settings = fixture.settings(fixture.pair.primaryPort);
    const filled = (text: string, value = '') =>
      text.replace('%d', fixture.pair.database).replace('%r', settings.user).replace('%v', value);
    const asSuperuser = (text: string) =>
      fixture.direct.use(async (session) => {
        await run(session, text);
        await run(session, 'select pg_reload_conf()');
      });
    const seenBy = (pool: DbPool) =>
      pool.use(async (session) => (await run(session, 'show synchronous_commit'))[0]?.['synchronous_commit']);
    try {
      for (const weak of ['off', 'local', 'remote_write']) {
        await asSuperuser(filled(set, weak));
        expect(await seenBy(fixture.pool(settings, 'primary')), weak).toBe('on');
      }
      // waits for more, and is left alone
      await asSuperuser(filled(set, 'remote_apply'));
      await expect.poll(() => seenBy(fixture.pool(settings, 'primary'))).toBe('remote_apply');
    } finally {
      await asSuperuser(filled(reset));
    }
  });

  it('says that nothing was sent when nobody listens, and when the password is wrong', async () => {
    const settings = fixture.settings(fixture.pair.primaryPort);
    for (const wrong of [
      { ...settings, port: 1 },
      { ...settings, password: 'not this one' },
    ]) {
      const error = await errorOf(fixture.pool(wrong, 'primary').use((session) => run(session, 'select 1')));
      expect(error).toBeInstanceOf(NoConnectionError);
      expect(classify(error)).toBe('never-ran');
    }
  });

  it('gives up waiting for a free connection', async () => {
    const narrow = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary', {
      maxSize: 1,
      connectTimeoutMs: 1_000,
    });
    const busy = Promise.withResolvers<void>();
    const held = narrow.use(() => busy.promise);
    expect(classify(await errorOf(narrow.use((session) => run(session, 'select 1'))))).toBe('never-ran');
    busy.resolve();
    await held;
  });

  it('opens its connections ahead', async () => {
    const warm = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary', { minSize: 3 });
    await warm.warm();
    expect(warm.counts()).toEqual({ total: 3, idle: 3, waiting: 0 });
  });

  it('reads a rotated password at the next connection', async () => {
    let reads = 0;
    const { password, ...settings } = fixture.settings(fixture.pair.primaryPort);
    const rotating: DbSettings = {
      ...settings,
      password: async () => {
        reads += 1;
        return String(password);
      },
    };
    const pool = fixture.pool(rotating, 'primary');
    await Promise.all([1, 2].map(() => pool.use((session) => run(session, 'select pg_sleep(0.05)'))));
    expect(reads).toBe(2);
  });
});

describe('a pool for reading', () => {
  it.each(['replica', 'primary'] as const)('cannot write, on the %s', async (where) => {
    const port = where === 'replica' ? fixture.pair.replicaPort : fixture.pair.primaryPort;
    for (const login of ['app', 'superuser'] as const) {
      const pool = fixture.pool(fixture.settings(port, login), 'any-read-only');
      const error = await errorOf(pool.use((session) => insertItem(session, fields('never'))));
      expect(error).toMatchObject({ code: '25006' });
      expect(classify(error)).toBe('refused');
    }
  });
});

describe('a backend that is ended', () => {
  it('in the middle of a statement costs that statement alone', async () => {
    const one = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary', { maxSize: 1 });
    const error = await errorOf(
      one.use(async (session) => {
        const pid = await backendOf(session);
        // the end of the backend may arrive before the answer to the one who ended it
        await Promise.all([
          run(session, 'select pg_sleep(30)'),
          fixture.direct.use((other) => run(other, 'select pg_terminate_backend($1::int)', [pid])),
        ]);
      }),
    );
    expect(classify(error)).toBe('unknown');
    expect(await one.use((session) => run(session, 'select 1 as one'))).toEqual([{ one: '1' }]);
    expect(one.counts().total).toBe(1);
  });

  it('between two statements of a lent connection does not end the process', async () => {
    const one = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary', { maxSize: 1 });
    const error = await errorOf(
      one.use(async (session) => {
        const pid = await backendOf(session);
        await fixture.direct.use((other) => run(other, 'select pg_terminate_backend($1::int)', [pid]));
        await gone(pid);
        await run(session, 'select 1');
      }),
    );
    expect(classify(error)).toBe('unknown');
    expect(await one.use((session) => run(session, 'select 1 as one'))).toEqual([{ one: '1' }]);
  });

  it('while it is idle is replaced at the next use', async () => {
    const one = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary', { maxSize: 1 });
    const pid = await one.use(backendOf);
    await fixture.direct.use((other) => run(other, 'select pg_terminate_backend($1::int)', [pid]));
    await gone(pid);
    await expect.poll(() => one.counts().total).toBe(0);
    expect(await one.use(backendOf)).not.toBe(pid);
  });

  it('with kill -9, which restarts the server, loses and doubles none of the writes under way', async () => {
    const context = fixture.writes(primary);
    const names = Array.from({ length: 60 }, (_, index) => `crash ${index}`);
    const writes = Promise.all(
      names.map((name) =>
        writeOnce(primary, context, ownIdentity(), soon(), async (session) => {
          const item = await insertItem(session, fields(name));
          await run(session, 'select pg_sleep(0.02)');
          return { status: 201, body: item.body, etag: null, location: null };
        }),
      ),
    );
    const victim = await primary.use(backendOf);
    process.kill(victim, 'SIGKILL');
    await writes;
    await fixture.pair.settled();
    const rows = await primary.use((session) =>
      run(session, `select name from items where starts_with(name, 'crash ') order by id`),
    );
    expect(rows.map((row) => String(row['name'])).sort()).toEqual([...names].sort());
  });

  async function gone(pid: number): Promise<void> {
    await expect
      .poll(() =>
        fixture.direct.use((session) => run(session, 'select from pg_stat_activity where pid = $1::int', [pid])),
      )
      .toEqual([]);
  }
});

describe('a timeout', () => {
  const withSetting = (setting: string, work: (session: Session) => Promise<unknown>) =>
    errorOf(
      primary.use(async (session) => {
        await run(session, 'begin');
        await run(session, `set local ${setting}`);
        await work(session);
      }),
    );

  it('of a statement has rolled back', async () => {
    const error = await withSetting('statement_timeout = 20', (session) => run(session, 'select pg_sleep(10)'));
    expect([(error as { code?: string }).code, classify(error)]).toEqual(['57014', 'rolled-back']);
  });

  it('of a lock has rolled back', async () => {
    const held = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holder = primary.use(async (session) => {
      await run(session, 'begin');
      await run(session, 'select pg_advisory_xact_lock(77)');
      locked.resolve();
      await held.promise;
      await run(session, 'rollback');
    });
    await locked.promise;
    const error = await withSetting('lock_timeout = 20', (session) => run(session, 'select pg_advisory_xact_lock(77)'));
    held.resolve();
    await holder;
    expect([(error as { code?: string }).code, classify(error)]).toEqual(['55P03', 'rolled-back']);
  });

  it('of an idle transaction ends the session, and is not taken for a refusal', async () => {
    const total = primary.counts().total;
    const error = await withSetting('idle_in_transaction_session_timeout = 20', async (session) => {
      const pid = await backendOf(session);
      await expect
        .poll(() =>
          fixture.direct.use((other) => run(other, 'select from pg_stat_activity where pid = $1::int', [pid])),
        )
        .toEqual([]);
      await run(session, 'select 1');
    });
    expect(classify(error)).toBe('unknown');
    expect(primary.counts().total).toBeLessThan(Math.max(2, total + 1));
  });

  it('of the client destroys the connection, and the outcome is unknown', async () => {
    const hasty = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary', { queryTimeoutMs: 50 });
    expect(classify(await errorOf(hasty.use((session) => run(session, 'select pg_sleep(1)'))))).toBe('unknown');
    expect(hasty.counts().total).toBe(0);
  });
});

describe('an error of a statement', () => {
  it('leaves the connection to the next caller, and no transaction open', async () => {
    const one = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary', { maxSize: 1 });
    const pid = await one.use(backendOf);
    expect(await errorOf(one.use((session) => insertItem(session, { ...fields('x'), price: '-1' })))).toMatchObject({
      code: '23514',
    });
    expect(await one.use(backendOf)).toBe(pid);
    await errorOf(
      one.use(async (session) => {
        await run(session, 'begin');
        throw new Error('left open');
      }),
    );
    expect(await one.use(backendOf)).not.toBe(pid);
  });
});
