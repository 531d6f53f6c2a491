import { isIP, type Socket } from 'node:net';
import type pg from 'pg';
import { pinCommit } from './durability.ts';
import { WrongRoleError } from './outcome.ts';
import type { DbSettings, ExpectedRole } from './settings.ts';
import { ownSession, type SessionId } from './sightings.ts';

/** A connection of a pool, and what is known of it. */
export type Connection = pg.Client & {
  /** The timeline that the server writes; null on a standby. */
  timeline: number | null;
  /** Null where a pooler stands between. */
  session: SessionId | null;
  syncWaitCancelled: boolean;
  isLent: boolean;
  /** Statements that have been sent and not been answered. */
  unanswered: number;
  /** node-postgres' own, which its types leave out: the process that whoever answered announced, and the socket. */
  readonly processID: number;
  readonly connection: { readonly stream: Socket };
};

/** How to connect. `name` is what `pg_stat_activity` shows behind the product's. */
export function connectionOptions(name: string, settings: DbSettings): pg.ClientConfig {
  return {
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: settings.password,
    ssl: tlsOptions(settings),
    application_name: `pgha ${name}`,
    keepAlive: true,
    // without a delay the kernel's first probe comes after two hours
    keepAliveInitialDelayMillis: 5_000,
  };
}

/**
 * Runs once a connection, before it is first lent: pins what the session must not be without, and finds out which server and
 * session it leads to. `timeoutMs` bounds it, as it does the rest of connecting. Throws `WrongRoleError` when the server is not what was asked for.
 */
export async function verifyRole(client: Connection, role: ExpectedRole, timeoutMs: number): Promise<void> {
  guard(client);
  const ask = <Row extends pg.QueryResultRow>(text: string) => {
    const bounded = { text, query_timeout: timeoutMs };
    return client.query<Row>(bounded);
  };
  await ask(role === 'any-read-only' ? 'set default_transaction_read_only = on' : pinCommit);
  // pg_walfile_name is refused during recovery; its first eight digits are the timeline being written
  const { rows } = await ask<Record<keyof SessionId, string> & { in_recovery: string; timeline: string | null }>(
    `select pg_is_in_recovery() as in_recovery,
            case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_lsn()), 8) end as timeline,
            ${ownSession}`,
  );
  const [row] = rows;
  if (!row || (role === 'primary' && row.in_recovery !== 'f')) {
    throw new WrongRoleError(`${client.host}:${client.port} is a standby; a primary was expected`);
  }
  Object.assign(client, { syncWaitCancelled: false, isLent: false, unanswered: 0 });
  client.timeline = row.timeline === null ? null : Number.parseInt(row.timeline, 16);
  const pid = Number(row.pid);
  client.session = pid === client.processID ? { server: row.server, pid, began: row.began } : null;
}

const guarded = new WeakSet<Connection>();

/** Keeps an error of a connection from ending the process, and hears its warnings. */
export function guard(client: Connection): void {
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
