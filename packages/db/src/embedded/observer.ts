import type { Client } from 'pg';

import type { Login } from './logins.ts';
import { connect } from './session.ts';

/** What one member says of itself and of the replica that follows it. */
export interface MemberReport {
  inRecovery: boolean;
  timeline: number;
  /** End of WAL in bytes: written on a primary, received or replayed (whichever is further) on a replica. */
  position: bigint;
  stream: { streaming: boolean; flushedTo: bigint } | null;
  slotLost: boolean;
}

/** Keeps one session to a member and asks it; opens it again after it broke. */
export interface Observer {
  /** Asks now. */
  read(): Promise<void>;
  /** What it answered when it was asked last; null when it did not. */
  answer(): MemberReport | null;
  /** What it answered last, unless that is long ago: one slow answer on a busy machine is not the end of a member. */
  known(): MemberReport | null;
  /** It has ended: nothing that was known still holds. */
  forget(): void;
  close(): Promise<void>;
}

/** As long as a load balancer takes to give up a server that does not answer its checks. */
const SILENCE_MS = 5_000;

const REPORT = `
select pg_is_in_recovery() as in_recovery,
       case when pg_is_in_recovery()
            then coalesce((select received_tli from pg_stat_wal_receiver), (select timeline_id from pg_control_checkpoint()))
            else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
       end as timeline,
       pg_wal_lsn_diff(
         case when pg_is_in_recovery()
              then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
              else pg_current_wal_lsn()
         end, '0/0')::text as position,
       stream.state as stream_state,
       pg_wal_lsn_diff(stream.flush_lsn, '0/0')::text as flushed_to,
       coalesce(slot.wal_status = 'lost', false) as slot_lost
  from (select) as always
  left join pg_stat_replication as stream on stream.application_name = $1
  left join pg_replication_slots as slot on slot.slot_name = $1
 order by stream.backend_start desc nulls last
 limit 1`;

interface ReportRow {
  in_recovery: boolean;
  timeline: number;
  position: string | null;
  stream_state: string | null;
  flushed_to: string | null;
  slot_lost: boolean;
}

/** @param follower the name under which the other member would stream from this one */
export function createObserver(port: number, login: Login, follower: string): Observer {
  let session: Client | null = null;
  let answer: MemberReport | null = null;
  let known: { report: MemberReport; atMs: number } | null = null;

  const close = async () => {
    const closing = session;
    session = null;
    await closing?.end().catch(() => {}); // broken already, which is why it is closed
  };

  return {
    async read() {
      try {
        session ??= await connect({ port, database: 'postgres', login });
        const { rows } = await session.query<ReportRow>({ name: 'report', text: REPORT, values: [follower] });
        answer = rows[0] === undefined ? null : toReport(rows[0]);
        if (answer !== null) known = { report: answer, atMs: performance.now() };
      } catch {
        // starting, stopped, killed or hung: all of them are "does not answer"
        answer = null;
        void close();
      }
    },
    answer: () => answer,
    known: () => (known !== null && performance.now() - known.atMs < SILENCE_MS ? known.report : null),
    forget() {
      answer = null;
      known = null;
    },
    close,
  };
}

function toReport(row: ReportRow): MemberReport {
  return {
    inRecovery: row.in_recovery,
    timeline: row.timeline,
    position: BigInt(row.position ?? '0'),
    stream:
      row.stream_state === null
        ? null
        : { streaming: row.stream_state === 'streaming', flushedTo: BigInt(row.flushed_to ?? '0') },
    slotLost: row.slot_lost,
  };
}
