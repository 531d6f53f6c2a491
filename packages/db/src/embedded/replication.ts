import { setTimeout as delay } from 'node:timers/promises';

import type { Account } from './account.ts';
import { copyRunningServer } from './base-backup.ts';
import type { Login } from './logins.ts';
import { connect } from './session.ts';

/** How to reach a member as superuser. */
export interface Reach {
  port: number;
  superuser: Login;
}

/** Longer than any replay of what a replica has received and not yet applied. */
const PROMOTION_MS = 60_000;
/** A promotion takes some 50 ms; a look is one round trip on the loopback. */
const PROMOTION_POLL_MS = 5;

/** Makes a standby writable. Resolves once it is; does nothing to one that is already. */
export async function promote({ port, superuser }: Reach): Promise<void> {
  const session = await connect({ port, database: 'postgres', login: superuser });
  try {
    await session.query('select pg_promote(wait => false) where pg_is_in_recovery()');
    const deadline = performance.now() + PROMOTION_MS;
    for (;;) {
      const { rows } = await session.query<{ in_recovery: boolean }>('select pg_is_in_recovery() as in_recovery');
      if (rows[0]?.in_recovery === false) return;
      if (performance.now() > deadline) throw new Error(`not promoted within ${PROMOTION_MS / 1000} s`);
      await delay(PROMOTION_POLL_MS);
    }
  } finally {
    void session.end();
  }
}

/**
 * A WAL position reached after the primary's new synchronous_standby_names was in force in every process. Whether a
 * commit waits is a flag in shared memory that the checkpointer sets when it reads the settings again. The postmaster
 * forks a new session only after it has passed the reload on, and a checkpoint asked for by that session ends after the
 * checkpointer has been told.
 */
export async function positionOnceInForce({ port, superuser }: Reach): Promise<bigint> {
  const session = await connect({ port, database: 'postgres', login: superuser, answerMs: null });
  try {
    await session.query('checkpoint');
    const { rows } = await session.query<{ position: string }>(
      `select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as position`,
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the primary did not report its WAL position');
    return BigInt(row.position);
  } finally {
    void session.end();
  }
}

export interface CopyOptions {
  primary: Reach & { dataDir: string };
  replica: { name: string; dataDir: string };
  account: Account | null;
  /** Ends the copy between two files. */
  signal: AbortSignal;
}

/** Copies the running primary into the replica's directory, with a slot that keeps the WAL the replica has yet to stream. */
export async function copyPrimary({ primary, replica, account, signal }: CopyOptions): Promise<void> {
  const session = await connect({
    port: primary.port,
    database: 'postgres',
    login: primary.superuser,
    answerMs: null,
  });
  try {
    // a slot whose WAL is lost stays lost: made anew
    await session.query(
      `select pg_drop_replication_slot(slot_name)
         from pg_replication_slots
        where slot_name = $1 and not active`,
      [replica.name],
    );
    await session.query(
      `select pg_create_physical_replication_slot($1, immediately_reserve => true)
        where not exists (select from pg_replication_slots where slot_name = $1)`,
      [replica.name],
    );
    await copyRunningServer({ source: session, from: primary.dataDir, to: replica.dataDir, account, signal });
  } finally {
    void session.end();
  }
}
