import pg from 'pg';
import type { ExpectedRole } from './settings.ts';
import type { Sighting } from './silence.ts';

/** A session as its server knows it: no other, of this server or another, has the same three. */
export interface SessionId {
  /** When the server started. */
  server: string;
  pid: number;
  /** When the session began. */
  began: string;
}

/** A look at the server, over a connection of its own: those that are open may be what is wrong. */
export interface Look {
  of(session: SessionId): Sighting;
  /** Ends those sessions that wait for their client: it will not come, and they may hold locks. */
  end(sessions: SessionId[]): Promise<void>;
  close(): Promise<void>;
}

/** SQL of the columns of a `SessionId`, for the session that asks. */
export const ownSession = `pg_postmaster_start_time()::text as server, pg_backend_pid() as pid,
  (select backend_start::text from pg_stat_activity where pid = pg_backend_pid()) as began`;

/** A server that takes longer is slow, and what is slow is not at fault. */
const lookTimeoutMs = 3_000;

/** Looks at the sessions of the login in `options`. Throws when no server of the role answers. */
export async function lookAtSessions(options: pg.ClientConfig, role: ExpectedRole): Promise<Look> {
  const client = new pg.Client({ ...options, connectionTimeoutMillis: lookTimeoutMs, query_timeout: lookTimeoutMs });
  client.on('error', () => {});
  const close = () => client.end().catch(() => {});
  try {
    await client.connect();
    // a session waits for its client while it reads from the connection or writes to it (PostgreSQL 17, table 27.4)
    const { rows } = await client.query<{ server: string; standby: boolean; session: string; waits: boolean }>(
      `select pg_postmaster_start_time()::text as server, pg_is_in_recovery() as standby,
              pid || ' ' || backend_start as session, coalesce(wait_event_type = 'Client', false) as waits
         from pg_stat_activity where usename = current_user`,
    );
    const [own] = rows;
    if (!own || (role === 'primary' && own.standby))
      throw new Error('no database server with the required role responded');
    const waits = new Map(rows.map((row) => [row.session, row.waits]));
    return {
      of({ server, pid, began }) {
        if (server !== own.server) return 'elsewhere';
        const waitsForClient = waits.get(`${pid} ${began}`);
        return waitsForClient === undefined ? 'gone' : waitsForClient ? 'waits-for-client' : 'at-work';
      },
      async end(sessions) {
        await client.query(
          `select pg_terminate_backend(pid)
             from pg_stat_activity
             join unnest($1::int[], $2::text[]) as ended (pid, began) using (pid)
            where backend_start::text = began and wait_event_type = 'Client'`,
          [sessions.map(({ pid }) => pid), sessions.map(({ began }) => began)],
        );
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
