import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  assertSchemaIsCurrent,
  type DbPool,
  type DbSettings,
  knownMigrations,
  migrate,
  SchemaVersionError,
} from '../src/index.ts';
import { openCuttingProxy } from './cutting-proxy.ts';
import { type Fixture, run, startFixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(async () => {
  await fixture?.stop();
});

/** Throws when there is nothing to complain about. */
const complaint = (pool: DbPool) =>
  assertSchemaIsCurrent(pool).then(
    () => {
      throw new Error('the schema was found current');
    },
    (error: Error) => error,
  );

describe('the schema', () => {
  let databases = 0;
  /** A database without a schema, of the owner. */
  async function emptyDatabase(): Promise<DbSettings> {
    const database = `empty_${++databases}`;
    const owner = fixture.pair.logins.owner.user;
    await fixture.direct.use((session) => run(session, `create database ${database} owner ${owner}`));
    const settings = { ...fixture.settings(fixture.pair.primaryPort, 'owner'), database };
    const superuser = fixture.pool({ ...fixture.settings(fixture.pair.primaryPort, 'superuser'), database }, 'primary');
    await superuser.use((session) => run(session, `alter schema public owner to ${owner}`));
    return settings;
  }

  it('is brought up to date once by two migrations at once', async () => {
    const settings = await emptyDatabase();
    const results = await Promise.all([1, 2].map(() => migrate(settings)));
    expect(results.map(({ applied }) => applied).sort((a, b) => b.length - a.length)).toEqual([
      await knownMigrations(),
      [],
    ]);
    expect(await migrate(settings)).toEqual({ applied: [] });
    await assertSchemaIsCurrent(fixture.pool(settings, 'primary'));
  });

  // the first two are the login's
  it.each([3, 4, 6, 9])('is brought up to date over a connection that is cut at its message %i', async (at) => {
    const proxy = await openCuttingProxy(fixture.pair.primaryPort);
    try {
      const settings = await emptyDatabase();
      const said: string[] = [];
      for (const when of ['before', 'sent', 'done'] as const) {
        proxy.cutNext({ when, at });
        await migrate({ ...settings, port: proxy.port }, { log: (line) => said.push(line) });
        proxy.cutNext(null);
      }
      expect(proxy.cuts()).toBeGreaterThan(0);
      expect(said).toContainEqual(expect.stringMatching(/^the connection to the primary was lost .*; retrying$/));
      await assertSchemaIsCurrent(fixture.pool(settings, 'primary'));
    } finally {
      await proxy.close();
    }
  });

  it('is checked by the services: every missing migration is named, and newer ones do not matter', async () => {
    const settings = await emptyDatabase();
    const pool = fixture.pool(settings, 'primary');
    const [first, ...others] = await knownMigrations();
    const error = await complaint(pool);
    expect(error).toBeInstanceOf(SchemaVersionError);
    for (const name of [first, ...others]) expect(error.message).toContain(name);
    await migrate(settings);
    await pool.use((session) => run(session, 'delete from schema_migrations where name = $1', [others.at(-1)]));
    const one = await complaint(pool);
    expect(one.message).toContain(others.at(-1));
    expect(one.message).not.toContain(first);
    await pool.use(async (session) => {
      await run(session, 'insert into schema_migrations (name, run_on) values ($1, now())', [others.at(-1)]);
      await run(session, `insert into schema_migrations (name, run_on) values ('9999-later', now())`);
    });
    await assertSchemaIsCurrent(pool);
  });

  it('can be checked by the services’ own roles', async () => {
    for (const login of ['app', 'readonly'] as const) {
      await assertSchemaIsCurrent(fixture.pool(fixture.settings(fixture.pair.primaryPort, login), 'any-read-only'));
    }
  });
});
