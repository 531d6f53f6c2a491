import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { FinalAnswerError } from './outcome.ts';
import type { DbPool, Session } from './pool.ts';
import { readCommitPosition } from './positions.ts';
import { type Attempt, type RideContext, ride } from './ride.ts';
import { transaction } from './transaction.ts';

/** An answer that can be given again. */
export interface StoredAnswer {
  status: number;
  body: string | null;
  etag: string | null;
  location: string | null;
}

export interface WriteResult extends StoredAnswer {
  /** `Commit-LSN`: a position that covers the write. */
  position: string;
  replayed: boolean;
}

/** What identifies a write. */
export interface WriteIdentity {
  /** SHA-256 over credential, method, path and the client's key; random where the client sent none. */
  key: Buffer;
  /** SHA-256 over the request; null where the service made the key, which nobody else can then present. */
  fingerprint: Buffer | null;
}

/** The same key came with another request. */
export class KeyReusedError extends FinalAnswerError {
  readonly code = 'PGHA_KEY_REUSED';
  constructor() {
    super('this Idempotency-Key was used with another request');
  }
}

/** The first request with this key has not been answered yet. */
export class KeyInUseError extends FinalAnswerError {
  readonly code = 'PGHA_KEY_IN_USE';
  constructor() {
    super('a request with this Idempotency-Key is still running');
  }
}

/** The identity of a write whose client named no key: good for this request's own retries. */
export function ownIdentity(): WriteIdentity {
  return { key: randomBytes(16), fingerprint: null };
}

/** The identity of a write whose client named a key; each part is length-prefixed, so that no two sets of parts collide. */
export function clientIdentity(scope: string[], request: string[]): WriteIdentity {
  return { key: digest(scope), fingerprint: digest(request) };
}

function digest(parts: string[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest();
}

/**
 * Applies `work` once and answers its result, however often it has to be attempted.
 *
 * Invariant: `work` commits at most once for a key. Every attempt holds the key's advisory lock from before it looks for
 * the record until its transaction has ended, so that an attempt that finds no record knows that none is on its way; the
 * record commits with the work; its primary key is the backstop. On a promoted standby the lock is new, but a commit that
 * the old primary had acknowledged, or will ever acknowledge, is there.
 *
 * Throws `KeyReusedError`, `KeyInUseError`, what `ride` throws, and what `work` throws (nothing is recorded then).
 */
export async function writeOnce(
  pool: DbPool,
  context: RideContext,
  identity: WriteIdentity,
  deadline: number,
  work: (session: Session) => Promise<StoredAnswer>,
): Promise<WriteResult> {
  return ride(context, deadline, (attempt) =>
    pool.use(async (session) => {
      const { answer, replayed } = await transaction(session, () => claimAndRun(session, identity, attempt, work));
      return { ...answer, replayed: replayed && !attempt.maybeApplied, position: await readCommitPosition(session) };
    }),
  );
}

async function claimAndRun(
  session: Session,
  identity: WriteIdentity,
  attempt: Attempt,
  work: (session: Session) => Promise<StoredAnswer>,
): Promise<{ answer: StoredAnswer; replayed: boolean }> {
  await lockKey(session, identity, attempt);
  const known = await findRecord(session, identity);
  if (known) {
    await waitForStandby(session);
    return { answer: known, replayed: true };
  }
  const answer = await work(session);
  await session.query({
    name: 'record-answer',
    text: `insert into idempotency_records (key, fingerprint, status, body, etag, location)
           values ($1, $2, $3, $4, $5, $6)`,
    values: [identity.key, identity.fingerprint, answer.status, answer.body, answer.etag, answer.location],
  });
  return { answer, replayed: false };
}

async function lockKey(session: Session, { key }: WriteIdentity, attempt: Attempt): Promise<void> {
  const number = key.readBigInt64BE().toString();
  if (attempt.maybeApplied) {
    // our own earlier attempt may still wait for its standby: its end is what we wait for
    await session.query({ name: 'lock-key', text: 'select pg_advisory_xact_lock($1::bigint)', values: [number] });
    return;
  }
  const [row] = await session.query<{ locked: string }>({
    name: 'try-lock-key',
    text: 'select pg_try_advisory_xact_lock($1::bigint) as locked',
    values: [number],
  });
  if (row?.locked !== 't') throw new KeyInUseError();
}

async function findRecord(session: Session, identity: WriteIdentity): Promise<StoredAnswer | null> {
  const [row] = await session.query<{ fingerprint: string | null; status: string } & Omit<StoredAnswer, 'status'>>({
    name: 'find-record',
    text: `select encode(fingerprint, 'hex') as fingerprint, status, body, etag, location
             from idempotency_records where key = $1`,
    values: [identity.key],
  });
  if (!row) return null;
  const theirs = row.fingerprint === null ? null : Buffer.from(row.fingerprint, 'hex');
  if (theirs && identity.fingerprint && !timingSafeEqual(theirs, identity.fingerprint)) throw new KeyReusedError();
  return { status: Number(row.status), body: row.body, etag: row.etag, location: row.location };
}

/**
 * Makes this transaction's commit wait for the synchronous standby, and with it everything before. A commit whose own
 * wait was cancelled is visible although it may be lost: seeing the record is not yet proof that it will survive.
 */
export async function waitForStandby(session: Session): Promise<void> {
  await session.query({
    name: 'wait-for-standby',
    text: `select pg_logical_emit_message(true, 'pgha', 'confirm')`,
  });
}

/** Deletes proofs older than `hours`, at most `limit` rows of each kind at a time. Answers how many. */
export async function purgeRecords(pool: DbPool, hours: number, limit: number): Promise<number> {
  return pool.use(async (session) => {
    let purged = 0;
    for (const table of ['idempotency_records', 'insert_groups'] as const) {
      const rows = await session.query({
        name: `purge-${table}`,
        text: `delete from ${table} where ctid = any(array(
                 select ctid from ${table} where created_at < now() - $1 * interval '1 hour' limit $2)) returning 1`,
        values: [hours, limit],
      });
      purged += rows.length;
    }
    return purged;
  });
}
