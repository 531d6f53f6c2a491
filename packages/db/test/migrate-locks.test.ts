import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, type Session } from '../src/index.ts';
import { MigrationBlockedError } from '../src/migrate.ts';
import { type Fixture, run, startFixture } from './fixture.ts';

let fixture: Fixture;
let directory: string;
beforeAll(async () => {
  fixture = await startFixture();
  directory = await mkdtemp(join(tmpdir(), 'pgha-migrations-'));
  await cp(new URL('../migrations', import.meta.url), directory, { recursive: true });
});
afterAll(async () => {
  await fixture?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

/** What a client may wait behind a try, on a machine that does something else as well. */
const clientWaitsMs = 4_000;
const owner = () => fixture.settings(fixture.pair.primaryPort, 'owner');

let count = 2;
/** A further migration, which needs `items` for itself. */
async function addMigration(): Promise<{ name: string; column: string }> {
  count += 1;
  const column = `column_${count}`;
  const name = `${String(count).padStart(4, '0')}-${column}`;
  await writeFile(join(directory, `${name}.sql`), `alter table items add column ${column} int;\n`);
  return { name, column };
}

/** Runs `work` while a transaction of the owner's has begun with `statement`. */
async function whileOpen<T>(statement: string, work: (pid: string, session: Session) => Promise<T>): Promise<T> {
  const pool = fixture.pool({ ...owner() }, 'primary');
  return pool.use(async (session) => {
    await run(session, 'begin');
    await run(session, statement);
    const [row] = await run(session, 'select pg_backend_pid()::text as pid');
    try {
      return await work(row?.['pid'] ?? '', session);
    } finally {
      await run(session, 'rollback');
    }
  });
}

const blocked = (lockPatienceMs: number, said: string[]) =>
  migrate(owner(), { directory, lockPatienceMs, log: (line) => said.push(line) }).then(
    () => {
      throw new Error('the migration was not blocked');
    },
    (error: MigrationBlockedError) => error,
  );

/** The longest that a client waits for an insert, and how many were made, until `until` ends. */
async function longestWait(until: Promise<unknown>): Promise<{ ms: number; inserts: number }> {
  const pool = fixture.pool(fixture.settings(fixture.pair.primaryPort, 'app'), 'primary');
  let going = true;
  const end = () => {
    going = false;
  };
  until.then(end, end);
  const seen = { ms: 0, inserts: 0 };
  while (going) {
    const began = performance.now();
    await pool.use((session) =>
      run(session, `insert into items (name, price, created_at, updated_at) values ('client', 1, now(), now())`),
    );
    seen.ms = Math.max(seen.ms, performance.now() - began);
    seen.inserts += 1;
  }
  return seen;
}

describe('a migration that gets no lock', () => {
  it('lets clients through, names who blocks it while it waits, and ends with the command that helps', async () => {
    const { name } = await addMigration();
    const said: string[] = [];
    await whileOpen('select count(*) from items', async (pid) => {
      const failing = blocked(12_000, said);
      const { ms, inserts } = await longestWait(failing);
      const error = await failing;
      expect(error).toBeInstanceOf(MigrationBlockedError);
      expect(error.message).toContain(`blocked by pid ${pid} (user ${owner().user}`);
      expect(error.message).toMatch(/idle in transaction, transaction open for \d+ s\): select/);
      expect(error.message).toContain(`psql -d ${owner().database} -c "select pg_terminate_backend(${pid})"`);
      expect(said).toContainEqual(expect.stringContaining(`waiting for a lock, blocked by pid ${pid} `));
      expect(ms).toBeLessThan(clientWaitsMs);
      expect(inserts).toBeGreaterThan(10);
    });
    expect(await migrate(owner(), { directory })).toEqual({ applied: [name] });
  });

  it('is applied by a later try', async () => {
    const { name } = await addMigration();
    const said: string[] = [];
    let migrating: Promise<unknown> = Promise.resolve();
    await whileOpen('select count(*) from items', async () => {
      migrating = migrate(owner(), { directory, log: (line) => said.push(line) });
      await expect
        .poll(() => said.join('\n'), { timeout: 20_000 })
        .toContain('letting queued clients proceed, retrying');
    });
    expect(await migrating).toEqual({ applied: [name] });
    expect(said).not.toContainEqual(expect.stringContaining('Error executing'));
  });

  it('waits for another migration without a try of its own, and names it', async () => {
    const said: string[] = [];
    await whileOpen('select pg_advisory_lock(7241865325823964)', async (pid, session) => {
      const error = await blocked(3_000, said);
      expect(error.message).toContain(`blocked by pid ${pid} `);
      await run(session, 'select pg_advisory_unlock(7241865325823964)');
    });
  });

  it('names a prepared transaction, which has no process', async () => {
    // the replica is made primary as it runs, the next one starts from its copy
    const replica = fixture.pool(fixture.settings(fixture.replicaMember(), 'superuser'), 'any-read-only');
    await replica.use((session) => run(session, 'alter system set max_prepared_transactions = 10'));
    for (const _ of ['to the replica', 'and to its copy']) {
      await fixture.pair.stopPrimary('fast');
      await fixture.pair.settled();
    }
    await addMigration();
    const pool = fixture.pool(owner(), 'primary');
    await pool.use(async (session) => {
      await run(session, 'begin');
      await run(session, 'lock table items in access share mode');
      await run(session, `prepare transaction 'left behind'`);
    });
    const error = await blocked(4_000, []);
    expect(error.message).toContain('blocked by prepared transaction "left behind"');
    expect(error.message).toContain(`rollback prepared 'left behind'`);
    await pool.use((session) => run(session, `rollback prepared 'left behind'`));
    expect((await migrate(owner(), { directory })).applied).toHaveLength(1);
  });
});
