import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { tlsOptions } from './connection.ts';
import { pinCommit } from './durability.ts';
import { isDatabaseError } from './outcome.ts';
import type { DbPool } from './pool.ts';
import type { DbSettings } from './settings.ts';

const directory = fileURLToPath(new URL('../migrations', import.meta.url));
const table = 'schema_migrations';
const undefinedTable = '42P01';

/** The database's schema is not the one this program was written for. */
export class SchemaVersionError extends Error {
  readonly code = 'PGHA_SCHEMA_VERSION';
  constructor(missing: string[]) {
    super(`the database lacks the migrations ${missing.join(', ')}; run \`pgha migrate\` first`);
  }
}

/** The way to the primary was cut; whether the last statement was applied is not known, and does not matter to the next run. */
class MigrationCutOffError extends Error {
  override name = 'MigrationCutOffError';
}

/** A primary that has just been made loses its connections while its members join; one that changes hands does too. */
const cutOffPatienceMs = 60_000;
const cutOffPauseMs = 1_000;

/**
 * Brings the schema up to date, as the owner role. Safe to run twice at once: the second run waits for the first one's
 * advisory lock and then finds nothing to do. Every migration is a transaction of its own, forward only; so whoever loses the
 * connection begins again, for a minute.
 *
 * @returns the names of those that were applied by the run that came to its end.
 */
export async function migrate(
  connection: MigrationConnection,
  { log = () => {} }: { log?: (line: string) => void } = {},
): Promise<{ applied: string[] }> {
  const deadline = Date.now() + cutOffPatienceMs;
  for (let wasThere = false; ; wasThere = true) {
    try {
      return await migrateOnce(connection, log);
    } catch (error) {
      // an address where nothing ever answered is a mistake, and told at once
      const isPassing = error instanceof MigrationCutOffError || (wasThere && !isDatabaseError(error));
      if (!isPassing || Date.now() > deadline) throw error;
      log(`${(error as Error).message}; trying again`);
      await delay(cutOffPauseMs);
    }
  }
}

type MigrationConnection = Pick<DbSettings, 'host' | 'port' | 'database' | 'user' | 'password'> & {
  tls?: DbSettings['tls'];
};

/** @throws MigrationCutOffError when the connection was lost. */
async function migrateOnce(
  connection: MigrationConnection,
  log: (line: string) => void,
): Promise<{ applied: string[] }> {
  const { tls = { mode: 'disable' }, ...target } = connection;
  const client = new pg.Client({
    ...target,
    ssl: tlsOptions({ tls, host: target.host }),
    application_name: 'pgha migrate',
    connectionTimeoutMillis: 10_000,
  });
  let lost: Error | null = null;
  client.on('error', (error) => {
    lost = error;
  });
  await client.connect();
  try {
    await client.query(pinCommit);
    const applied = await runner({
      dbClient: client,
      dir: directory,
      migrationsTable: table,
      direction: 'up',
      singleTransaction: false,
      advisoryLockMode: 'wait',
      // the library also tells of every statement that a lost connection took with it
      logger: { info: () => {}, warn: (line) => log(line), error: (line) => lost === null && log(line) },
    });
    for (const migration of applied) log(`applied ${migration.name}`);
    return { applied: applied.map((migration) => migration.name) };
  } catch (error) {
    // the library makes a text of its cause
    const cause = lost as Error | null;
    if (cause === null) throw error;
    throw new MigrationCutOffError(`the connection to the primary was lost during a migration: ${cause.message}`, {
      cause,
    });
  } finally {
    await client.end();
  }
}

/** The migrations this program knows, in order. */
export async function knownMigrations(): Promise<string[]> {
  const files = await readdir(directory);
  return files
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => file.replace(/\.sql$/, ''));
}

/** Throws `SchemaVersionError` unless every migration this program knows is applied; newer ones do not matter. */
export async function assertSchemaIsCurrent(pool: DbPool): Promise<void> {
  const known = await knownMigrations();
  const rows = await pool
    .use((session) =>
      session.query<{ name: string }>({ name: 'schema-version', text: `select name from public.${table}` }),
    )
    .catch((error: unknown) => {
      if (isDatabaseError(error) && error.code === undefinedTable) return [];
      throw error;
    });
  const applied = new Set(rows.map((row) => row.name));
  const missing = known.filter((name) => !applied.has(name));
  if (missing.length > 0) throw new SchemaVersionError(missing);
}
