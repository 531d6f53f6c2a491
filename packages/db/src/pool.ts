import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import Pool from 'pg-pool';
import { type Connection, connectionOptions, guard, verifyRole } from './connection.ts';
import type { DbObserver } from './observer.ts';
import { NoConnectionError, SynchronousWaitCancelledError, spoilsConnection, WrongRoleError } from './outcome.ts';
import type { DbSettings, ExpectedRole, PoolLimits } from './settings.ts';

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
    ...connectionOptions(name, settings),
    min: limits.minSize,
    max: limits.maxSize,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    query_timeout: limits.queryTimeoutMs,
    idleTimeoutMillis: limits.idleTimeoutMs,
    maxLifetimeSeconds: Math.ceil(limits.maxLifetimeMs / 1000),
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
