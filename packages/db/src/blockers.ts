import type pg from 'pg';

/** Whoever keeps a session from a lock. */
export interface Blocker {
  /** Null for a prepared transaction, which no process holds. */
  pid: number | null;
  /** The name of a prepared transaction. */
  gid: string | null;
  user: string | null;
  application: string | null;
  /** `client backend`, `autovacuum worker`, …; null where the role may not see it. */
  kind: string | null;
  state: string | null;
  /** Seconds since its transaction began. */
  ageSeconds: number | null;
  statement: string | null;
}

/** pg_blocking_pids() answers 0 for a prepared transaction; it is found by the lock that is waited for. */
const question = `
  select activity.pid, null as gid, activity.usename as "user", activity.application_name as application,
         activity.backend_type as kind, activity.state, activity.query as statement,
         round(extract(epoch from clock_timestamp() - activity.xact_start))::int as "ageSeconds"
    from unnest(pg_blocking_pids($1)) as blocking (pid)
    join pg_stat_activity as activity using (pid)
  union all
  select distinct null::int, prepared.gid, prepared.owner, null, null, 'prepared', null,
         round(extract(epoch from clock_timestamp() - prepared.prepared))::int
    from pg_locks as wanted
    join pg_locks as held on held.pid is null and held.granted
     and held.locktype = wanted.locktype and held.database is not distinct from wanted.database
     and held.relation is not distinct from wanted.relation
     and held.transactionid is not distinct from wanted.transactionid
    join pg_locks as own on own.pid is null and own.locktype = 'transactionid'
     and own.virtualtransaction = held.virtualtransaction
    join pg_prepared_xacts as prepared on prepared.transaction = own.transactionid
   where wanted.pid = $1 and not wanted.granted and 0 = any(pg_blocking_pids($1))`;

/** Whoever the session of process `pid` waits for at this moment. */
export async function readBlockers(client: pg.Client, pid: number): Promise<Blocker[]> {
  const { rows } = await client.query<Blocker>(question, [pid]);
  return rows;
}

const longestStatement = 200;

export function describeBlocker(blocker: Blocker): string {
  const { pid, gid, user, application, kind, state, ageSeconds, statement } = blocker;
  const who = gid === null ? `pid ${pid}` : `prepared transaction ${JSON.stringify(gid)}`;
  const details = [
    `user ${user ?? 'unknown'}`,
    ...(application ? [`application ${application}`] : []),
    ...(kind === null || kind === 'client backend' ? [] : [kind]),
    ...(state === null || state === 'prepared' ? [] : [state]),
    ageSeconds === null ? 'transaction age unknown' : `transaction open for ${ageSeconds} s`,
  ];
  const text = statement?.replaceAll(/\s+/g, ' ').trim() ?? '';
  const said = text.length > longestStatement ? `${text.slice(0, longestStatement)}…` : text;
  return `${who} (${details.join(', ')})${said === '' ? '' : `: ${said}`}`;
}

/** What ends the wait for it, as a command where there is one that is safe to give. */
export function remedyFor({ pid, gid, kind, application, statement }: Blocker, database: string): string {
  if (gid !== null) {
    const name = `'${gid.replaceAll("'", "''")}'`;
    return `finish the prepared transaction: psql -d ${database} -c "commit prepared ${name}" or "rollback prepared ${name}"`;
  }
  if (kind === 'autovacuum worker' || statement?.startsWith('autovacuum:')) {
    return `wait until autovacuum has finished the table (pg_stat_progress_vacuum, pid ${pid}): it prevents wraparound and would be restarted`;
  }
  if (application === migrationApplication) return `wait until the other migration (pid ${pid}) has finished`;
  return `if its transaction may be rolled back: psql -d ${database} -c "select pg_terminate_backend(${pid})" (as its own user or a superuser)`;
}

/** What `pg_stat_activity` shows of a migration. */
export const migrationApplication = 'pgha migrate';
