import { formatLsn, type LsnToken, parseLsn } from './lsn.ts';
import type { Session } from './pool.ts';

/**
 * The position after a commit could not be read. Whatever the cause says of its own statement, the commit before it may
 * have been applied: `classify` takes it as unknown.
 */
class CommitPositionError extends Error {
  readonly code = 'PGHA_COMMIT_POSITION';
  constructor(cause: unknown) {
    super('the position of the commit could not be read', { cause });
  }
}

/**
 * Where this primary's log is flushed to. Sent behind a statement, it covers that statement's commit; asked inside the
 * statement it would precede the commit record. Flushed, not written: what is only written may be lost and never reached.
 * Throws `CommitPositionError`.
 */
export async function readCommitPosition(session: Session): Promise<string> {
  const rows = await session
    .query<{ lsn: string }>({
      name: 'commit-position',
      text: 'select pg_current_wal_flush_lsn()::text as lsn',
    })
    .catch((error: unknown) => {
      throw new CommitPositionError(error);
    });
  const position = parseLsn(rows[0]?.lsn ?? '');
  if (position === null) throw new Error(`the primary reported the position ${JSON.stringify(rows[0]?.lsn)}`);
  return formatLsn({ lsn: position.lsn, timeline: session.timeline });
}

/** A position, and how `formatLsn` writes it: rendered once for all that is read with it. */
export interface ReadPosition extends LsnToken {
  text: string;
}

/**
 * How far whoever answers has replayed (a replica) or flushed (the primary, when no replica is there). Sent *before* the
 * reads it is reported with, so that they are at least as new. The timeline is the one being received; without a
 * receiver (archive only, or the primary) the last checkpoint's.
 */
export async function readReplayPosition(session: Session): Promise<ReadPosition> {
  const rows = await session.query<{ lsn: string | null; timeline: string }>({
    name: 'replay-position',
    text: `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end::text as lsn,
                  case when pg_is_in_recovery()
                       then coalesce((select received_tli from pg_stat_wal_receiver), (pg_control_checkpoint()).timeline_id)
                       else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
                  end as timeline`,
  });
  const row = rows[0];
  const position = parseLsn(row?.lsn ?? '');
  if (!row || position === null) throw new Error(`the server reported the position ${JSON.stringify(row?.lsn)}`);
  const token = { lsn: position.lsn, timeline: Number(row.timeline) };
  return { ...token, text: formatLsn(token) };
}
