import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { type Blocker, describeBlocker, migrationApplication, readBlockers, remedyFor } from './blockers.ts';
import { tlsOptions } from './connection.ts';
import { pinCommit } from './durability.ts';
import { isDatabaseError } from './outcome.ts';
import type { DbPool } from './pool.ts';
import type { DbSettings } from './settings.ts';

const ownDirectory = fileURLToPath(new URL('../migrations', import.meta.url));
const table = 'schema_migrations';
const undefinedTable = '42P01';
const lockNotAvailable = '55P03';

/** The database's schema is not the one this program was written for. */
export class SchemaVersionError extends Error {
  readonly code = 'PGHA_SCHEMA_VERSION';
  readonly missing: string[];
  constructor(missing: string[]) {
    super(`missing schema migrations: ${missing.join(', ')}; run \`pgha migrate\``);
    this.missing = missing;
  }
}

/** The way to the primary was cut; whether the last statement was applied is not known, and does not matter to the next run. */
class MigrationCutOffError extends Error {
  override name = 'MigrationCutOffError';
}

/** A migration got no lock in time; what it had begun has been rolled back. */
export class MigrationBlockedError extends Error {
  override name = 'MigrationBlockedError';
  readonly code = 'PGHA_MIGRATION_BLOCKED';
  readonly blockers: Blocker[];
  constructor(waitedMs: number, blockers: Blocker[], { database }: { database: string }) {
    const lines = blockers.flatMap((blocker) => [
      `blocked by ${describeBlocker(blocker)}`,
      `  ${remedyFor(blocker, database)}`,
    ]);
    const found = lines.length > 0 ? lines : ['the blocking session could not be determined'];
    super(
      [
        `the migration could not get a lock within ${Math.round(waitedMs / 1000)} s and was rolled back. Resolve the cause below, then run \`pgha migrate\` again`,
        ...found,
      ].join('\n'),
    );
    this.blockers = blockers;
  }
}

interface MigrateOptions {
  log?: (line: string) => void;
  /** How long locks are tried for before `MigrationBlockedError`. */
  lockPatienceMs?: number;
  /** Where the migrations are; the product's own unless a test has others. */
  directory?: string;
}

/** A primary that has just been made loses its connections while its members join; one that changes hands does too. */
const cutOffPatienceMs = 60_000;
const cutOffPauseMs = 1_000;

/**
 * Every client of a table waits behind a migration that waits for it: so long at most. Above `deadlock_timeout` (1 s), since
 * only a waiter of that age makes autovacuum let go of a table.
 */
const lockTimeoutMs = 2_000;
const defaultLockPatienceMs = 60_000;
/** Between two tries, in which clients that queued are served: as long as a try, then longer. */
const lockPauseMs = { first: 2_000, longest: 8_000 };
const lookEveryMs = 500;

/** node-pg-migrate's own, which every release takes. */
const advisoryLock = '7241865325823964';

/**
 * Brings the schema up to date, as the owner role. Safe to run twice at once: the second run waits for the first one's
 * advisory lock and then finds nothing to do. Every migration is a transaction of its own, forward only; so whoever loses the
 * connection begins again, for a minute. A lock that is not to be had is given up within seconds and tried for again after a
 * pause, so that clients never queue behind a migration for longer than `lockTimeoutMs`; `log` is told who has it.
 *
 * @returns the names of those that were applied by the run that came to its end.
 * @throws MigrationBlockedError when a lock was not to be had for `lockPatienceMs`.
 */
export async function migrate(
  connection: MigrationConnection,
  { log = () => {}, lockPatienceMs = defaultLockPatienceMs, directory = ownDirectory }: MigrateOptions = {},
): Promise<{ applied: string[] }> {
  const began = Date.now();
  let pauseMs = lockPauseMs.first;
  for (let wasThere = false; ; wasThere = true) {
    const leftMs = lockPatienceMs - (Date.now() - began);
    try {
      return await migrateOnce(connection, {
        log,
        directory,
        advisoryPatienceMs: Math.max(leftMs, lockTimeoutMs),
      });
    } catch (error) {
      if (error instanceof NoLockError) {
        const waitedMs = Date.now() - began;
        if (waitedMs + pauseMs >= lockPatienceMs) throw new MigrationBlockedError(waitedMs, error.blockers, connection);
        log(
          `no lock within ${lockTimeoutMs / 1000} s; letting queued clients proceed, retrying in ${pauseMs / 1000} s`,
        );
        await delay(pauseMs);
        pauseMs = Math.min(pauseMs * 2, lockPauseMs.longest);
        continue;
      }
      // an address where nothing ever answered is a mistake, and told at once
      const isPassing = error instanceof MigrationCutOffError || (wasThere && !isDatabaseError(error));
      if (!isPassing || Date.now() > began + cutOffPatienceMs) throw error;
      log(`${(error as Error).message}; retrying`);
      await delay(cutOffPauseMs);
    }
  }
}

type MigrationConnection = Pick<DbSettings, 'host' | 'port' | 'database' | 'user' | 'password'> & {
  tls?: DbSettings['tls'];
};

/** `lock_timeout` has passed. */
class NoLockError extends Error {
  override name = 'NoLockError';
  readonly blockers: Blocker[];
  constructor(blockers: Blocker[], cause: unknown) {
    super('canceling statement due to lock timeout', { cause });
    this.blockers = blockers;
  }
}

interface Attempt {
  log: (line: string) => void;
  directory: string;
  advisoryPatienceMs: number;
}

/** @throws MigrationCutOffError when the connection was lost, NoLockError when a lock was not to be had. */
async function migrateOnce(
  connection: MigrationConnection,
  { log, directory, advisoryPatienceMs }: Attempt,
): Promise<{ applied: string[] }> {
  const client = createClient(connection, migrationApplication);
  let lost: Error | null = null;
  client.on('error', (error) => {
    lost = error;
  });
  await client.connect();
  const watch = watchBlockers(connection, client, log);
  // the library tells of every statement that failed; of a lock, and of what a lost connection took with it, we tell
  const said: string[] = [];
  try {
    await client.query(pinCommit);
    // taken before the library takes it once more: nobody's requests wait behind it, so it may take its time
    await client.query(`set lock_timeout = ${Math.ceil(advisoryPatienceMs)}`);
    await client.query(`select pg_advisory_lock(${advisoryLock})`);
    await client.query(`set lock_timeout = ${lockTimeoutMs}`);
    const migrations = await runner({
      dbClient: client,
      dir: directory,
      migrationsTable: table,
      direction: 'up',
      singleTransaction: false,
      advisoryLockMode: 'wait',
      lockValue: Number(advisoryLock),
      logger: { info: () => {}, warn: (line) => said.push(line), error: (line) => said.push(line) },
    });
    for (const line of said) log(line);
    for (const { name } of migrations) log(`applied ${name}`);
    return { applied: migrations.map(({ name }) => name) };
  } catch (error) {
    // the library makes a text of its cause
    const cause = lost as Error | null;
    if (cause !== null)
      throw new MigrationCutOffError(`the connection to the primary was lost during a migration: ${cause.message}`, {
        cause,
      });
    if (isLockTimeout(error)) throw new NoLockError(watch.lastSeen(), error);
    for (const line of said) log(line);
    throw error;
  } finally {
    await watch.stop();
    await client.end();
  }
}

function createClient({ tls = { mode: 'disable' }, ...target }: MigrationConnection, name: string): pg.Client {
  return new pg.Client({
    ...target,
    ssl: tlsOptions({ tls, host: target.host }),
    application_name: name,
    connectionTimeoutMillis: 10_000,
  });
}

/** Some of the library's errors hold no more of their cause than its text. */
function isLockTimeout(error: unknown): boolean {
  return isDatabaseError(error)
    ? error.code === lockNotAvailable
    : error instanceof Error && error.message.includes('canceling statement due to lock timeout');
}

/** Looks over a connection of its own who keeps `client` waiting, and says so when it changes. */
function watchBlockers(connection: MigrationConnection, client: pg.Client, log: (line: string) => void) {
  const { processID: pid } = client as pg.Client & { readonly processID: number };
  const watcher = createClient(connection, `${migrationApplication} watch`);
  watcher.on('error', () => {});
  const stop = new AbortController();
  let last: Blocker[] = [];
  let told = '';

  async function look(): Promise<void> {
    await watcher.connect();
    while (!stop.signal.aborted) {
      await delay(lookEveryMs, undefined, { signal: stop.signal });
      const seen = await readBlockers(watcher, pid);
      if (seen.length === 0) continue;
      last = seen;
      const names = seen.map(({ pid: blocking, gid }) => gid ?? blocking).join();
      if (names !== told) log(`waiting for a lock, blocked by ${seen.map(describeBlocker).join('; ')}`);
      told = names;
    }
  }

  // whoever cannot look still migrates
  const looking = look().catch(() => {});
  return {
    lastSeen: () => last,
    async stop() {
      stop.abort();
      await looking;
      await watcher.end().catch(() => {});
    },
  };
}

/** The migrations this program knows, in order. */
export async function knownMigrations(): Promise<string[]> {
  const files = await readdir(ownDirectory);
  return files
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => file.replace(/\.sql$/, ''));
}

/**
 * Throws `SchemaVersionError` unless every migration this program knows is applied. Newer ones do not matter: a migration
 * leaves the release before it at work, so that a release can be rolled back. They are answered by name.
 */
export async function assertSchemaIsCurrent(pool: DbPool): Promise<{ newer: string[] }> {
  const known = await knownMigrations();
  const rows = await pool
    .use((session) =>
      session.query<{ name: string }>({ name: 'schema-version', text: `select name from public.${table} order by id` }),
    )
    .catch((error: unknown) => {
      if (isDatabaseError(error) && error.code === undefinedTable) return [];
      throw error;
    });
  const applied = rows.map((row) => row.name);
  const missing = known.filter((name) => !applied.includes(name));
  if (missing.length > 0) throw new SchemaVersionError(missing);
  return { newer: applied.filter((name) => !known.includes(name)) };
}
