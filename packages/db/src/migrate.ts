import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { tlsOptions } from './connection.ts';
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

/**
 * Brings the schema up to date, as the owner role. Safe to run twice at once: the second run waits for the first one's
 * advisory lock and then finds nothing to do. Every migration is a transaction of its own, forward only.
 */
export async function migrate(
  connection: Pick<DbSettings, 'host' | 'port' | 'database' | 'user' | 'password'> & { tls?: DbSettings['tls'] },
  options: { log?: (line: string) => void } = {},
): Promise<{ applied: string[] }> {
  const { tls = { mode: 'disable' }, ...target } = connection;
  const client = new pg.Client({
    ...target,
    ssl: tlsOptions({ tls, host: target.host }),
    application_name: 'pgha migrate',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    const applied = await runner({
      dbClient: client,
      dir: directory,
      migrationsTable: table,
      direction: 'up',
      singleTransaction: false,
      advisoryLockMode: 'wait',
      logger: { info: () => {}, warn: (line) => options.log?.(line), error: (line) => options.log?.(line) },
    });
    for (const migration of applied) options.log?.(`applied ${migration.name}`);
    return { applied: applied.map((migration) => migration.name) };
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
