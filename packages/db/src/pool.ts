import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import Pool from 'pg-pool';
import { type Connection, connectionOptions, guard, verifyRole } from './connection.ts';
import type { DbObserver } from './observer.ts';
import {
  ConnectionSilentError,
  NoConnectionError,
  SynchronousWaitCancelledError,
  spoilsConnection,
  WrongRoleError,
} from './outcome.ts';
import { createSessionWatch, type WatchedConnection } from './session-watch.ts';
import type { DbSettings, ExpectedRole, PoolLimits } from './settings.ts';
import { lookAtSessions } from './sightings.ts';

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
  const options = connectionOptions(name, settings);
  const pool = new Pool({
    ...options,
    min: limits.minSize,
    max: limits.maxSize,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    query_timeout: limits.queryTimeoutMs,
    idleTimeoutMillis: limits.idleTimeoutMs,
    maxLifetimeSeconds: Math.ceil(limits.maxLifetimeMs / 1000),
    pipeline: true,
    types: rawTypes,
    onConnect: (client) => verifyRole(client as Connection, role, limits.connectTimeoutMs),
  });
  const watched = new Map<pg.PoolClient, WatchedConnection>();
  pool.on('connect', (client) => {
    guard(client as Connection & pg.PoolClient);
    watched.set(client, toWatched(client as Connection & pg.PoolClient));
  });
  pool.on('remove', (client) => watched.delete(client));
  // an idle connection that dies is replaced at the next use; the guard has seen the error
  pool.on('error', () => {});

  const stopWatching = watch(
    createSessionWatch({
      role,
      connections: () => [...watched.values()],
      look: () => lookAtSessions(options, role),
      onGivenUp: (count) => observer.connectionsSilent(name, count),
    }),
  );

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
    close() {
      stopWatching();
      return pool.end();
    },
  };
}

/** What `work` sends before it first waits travels in one packet, and wakes the server once. */
function sentTogether<T>({ connection: { stream } }: Connection, work: () => Promise<T>): Promise<T> {
  stream.cork();
  try {
    return work();
  } finally {
    stream.uncork();
  }
}

/** Often enough beside the seconds that a silence lasts before it is looked into. */
const watchEveryMs = 1_000;

function watch({ tick }: ReturnType<typeof createSessionWatch>): () => void {
  let isLooking = false;
  const timer = setInterval(async () => {
    if (isLooking) return;
    isLooking = true;
    // nobody answers: then the connections are not what is wrong, and the server's return ends their silence
    await tick().catch(() => {});
    isLooking = false;
  }, watchEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function toWatched(client: Connection): WatchedConnection {
  return {
    session: client.session,
    bytesRead: () => client.connection.stream.bytesRead,
    unanswered: () => client.unanswered,
    isLent: () => client.isLent,
    giveUp: () => void client.connection.stream.destroy(new ConnectionSilentError()),
  };
}

async function lend<T>(
  client: Connection & pg.PoolClient,
  observer: DbObserver,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  client.syncWaitCancelled = false;
  client.isLent = true;
  const session: Session = {
    timeline: client.timeline,
    async query<Row extends pg.QueryResultRow>(statement: Statement) {
      const started = performance.now();
      client.unanswered += 1;
      try {
        const result = await client.query<Row>(statement);
        observer.query(statement.name, (performance.now() - started) / 1000);
        return result.rows;
      } finally {
        client.unanswered -= 1;
      }
    },
  };
  try {
    const value = await sentTogether(client, () => work(session));
    if (client.syncWaitCancelled) throw new SynchronousWaitCancelledError();
    client.isLent = false;
    client.release();
    return value;
  } catch (error) {
    // a transaction left open must not be lent to the next caller
    const open = client.getTransactionStatus() !== 'I';
    client.isLent = false;
    client.release(open || spoilsConnection(error));
    throw error;
  }
}
