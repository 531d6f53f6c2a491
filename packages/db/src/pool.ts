import { isIP } from 'node:net';
import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import Pool from 'pg-pool';
import type { DbObserver } from './observer.ts';
import { NoConnectionError, SynchronousWaitCancelledError, spoilsConnection, WrongRoleError } from './outcome.ts';
import type { DbSettings, PoolLimits } from './settings.ts';

/** `primary`: only a server that is not in recovery. `any-read-only`: whoever answers, in read-only transactions. */
export type ExpectedRole = 'primary' | 'any-read-only';

export interface DbPool {
  readonly name: string;
  /**
   * Lends a connection to `work` and takes it back; destroys it when the error says it is spoilt. Throws
   * `NoConnectionError` when none could be had in time (nothing was sent), `SynchronousWaitCancelledError` when the
   * server warned that a commit did not wait for its standby, otherwise what `work` throws.
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Opens connections ahead, up to the pool's minimum; pg-pool's own `min` only keeps what exists. */
  warm(): Promise<void>;
  counts(): { total: number; idle: number; waiting: number };
  close(): Promise<void>;
}

/** One connection. Statements sent without waiting for each other travel together (pipeline mode). */
export interface Session {
  query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]>;
  /** The timeline this primary writes; null on a standby or where it was not read. */
  readonly timeline: number | null;
}

/** A prepared statement: `name` identifies `text` for the life of the program and labels its metric. */
export interface Statement {
  name: string;
  text: string;
  values?: unknown[];
}

type Connection = pg.Client & { timeline?: number | null; syncWaitCancelled?: boolean };

/** Dates stay text: what leaves the service is rendered by the database, in one place. */
const rawTypes = { getTypeParser: () => (value: string) => value };

/**
 * A pool of verified connections. Every client has an error handler for its whole life: node-postgres emits `error` on a
 * checked-out client whose server dies, and an unhandled one would end the process.
 */
export function createPool(
  name: string,
  settings: DbSettings,
  limits: PoolLimits,
  role: ExpectedRole,
  observer: DbObserver,
): DbPool {
  const pool = new Pool({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: settings.password,
    ssl: tlsOptions(settings),
    application_name: `pgha ${name}`,
    min: limits.minSize,
    max: limits.maxSize,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    query_timeout: limits.queryTimeoutMs,
    idleTimeoutMillis: limits.idleTimeoutMs,
    maxLifetimeSeconds: Math.ceil(limits.maxLifetimeMs / 1000),
    keepAlive: true,
    // without a delay the kernel's first probe comes after two hours
    keepAliveInitialDelayMillis: 5_000,
    pipeline: true,
    types: rawTypes,
    onConnect: (client) => verifyRole(client as Connection, role),
  });
  pool.on('connect', (client) => guard(client as Connection));
  // an idle connection that dies is replaced at the next use; the guard has seen the error
  pool.on('error', () => {});

  return {
    name,
    async use(work) {
      const started = performance.now();
      const client = await pool.connect().catch((error: unknown) => {
        throw error instanceof WrongRoleError ? error : new NoConnectionError(error);
      });
      observer.poolWait(name, (performance.now() - started) / 1000);
      return lend(client as unknown as Connection & pg.PoolClient, observer, work);
    },
    async warm() {
      const clients = await Promise.all(Array.from({ length: limits.minSize }, () => pool.connect()));
      for (const client of clients) client.release();
    },
    counts: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

async function lend<T>(
  client: Connection & pg.PoolClient,
  observer: DbObserver,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  client.syncWaitCancelled = false;
  const session: Session = {
    timeline: client.timeline ?? null,
    async query<Row extends pg.QueryResultRow>(statement: Statement) {
      const started = performance.now();
      const result = await client.query<Row>(statement);
      observer.query(statement.name, (performance.now() - started) / 1000);
      return result.rows;
    },
  };
  try {
    const value = await work(session);
    if (client.syncWaitCancelled) throw new SynchronousWaitCancelledError();
    client.release();
    return value;
  } catch (error) {
    // a transaction left open must not be lent to the next caller
    const open = client.getTransactionStatus() !== 'I';
    client.release(open || spoilsConnection(error));
    throw error;
  }
}

/** Runs once a connection, before it is first lent. */
async function verifyRole(client: Connection, role: ExpectedRole): Promise<void> {
  guard(client);
  if (role === 'any-read-only') {
    await client.query('set default_transaction_read_only = on');
    return;
  }
  // pg_walfile_name is refused during recovery; its first eight digits are the timeline being written
  const { rows } = await client.query<{ in_recovery: string; timeline: string | null }>(
    `select pg_is_in_recovery() as in_recovery,
            case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_lsn()), 8) end as timeline`,
  );
  const row = rows[0];
  if (row?.in_recovery !== 'f') {
    throw new WrongRoleError(`${client.host}:${client.port} is a standby; the primary was expected`);
  }
  client.timeline = row.timeline === null ? null : Number.parseInt(row.timeline, 16);
}

const guarded = new WeakSet<Connection>();

function guard(client: Connection): void {
  if (guarded.has(client)) return;
  guarded.add(client);
  // the statement in flight is rejected with the same error; this handler only keeps it from ending the process
  client.on('error', () => {});
  client.on('notice', (notice) => {
    // PostgreSQL: src/backend/replication/syncrep.c; the text is not translated, lc_messages is C on every server of ours
    if (notice.message?.startsWith('canceling wait for synchronous replication')) client.syncWaitCancelled = true;
  });
}

/** node-postgres' options for a `DbTls`. */
export function tlsOptions({ tls, host }: Pick<DbSettings, 'tls' | 'host'>): pg.ClientConfig['ssl'] {
  if (tls.mode === 'disable') return false;
  const ca = tls.rootCertificate === undefined ? {} : { ca: tls.rootCertificate };
  return tls.mode === 'verify-full'
    ? // an address is checked against the certificate's addresses and is never sent as a name (RFC 6066, 3)
      { ...ca, ...(isIP(host) === 0 ? { servername: host } : { host }), rejectUnauthorized: true }
    : { rejectUnauthorized: false };
}
