import { createHash, randomBytes } from 'node:crypto';
import { assertWaiting, type Caller } from './caller.ts';
import { FinalAnswerError } from './outcome.ts';
import type { DbPool, Session } from './pool.ts';
import { readCommitPosition } from './positions.ts';
import { type Attempt, type RideContext, ride } from './ride.ts';
import { begin, commit, rolledBack, together } from './transaction.ts';

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
  /** Whether it is the answer of an earlier request. */
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
    super('this Idempotency-Key was already used with a different request');
  }
}

/** The first request with this key has not been answered yet. */
export class KeyInUseError extends FinalAnswerError {
  readonly code = 'PGHA_KEY_IN_USE';
  constructor() {
    super('a request with this Idempotency-Key is still in progress');
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
 * Nothing is committed for a `caller` that has gone before the commit was sent.
 *
 * Throws `KeyReusedError`, `KeyInUseError`, what `ride` throws, and what `work` throws (nothing is recorded then).
 */
export function writeOnce(
  pool: DbPool,
  context: RideContext,
  identity: WriteIdentity,
  deadline: number,
  work: (session: Session) => Promise<StoredAnswer>,
  caller: Caller | null = null,
): Promise<WriteResult> {
  return context.gate.admit(() => applyOnce(pool, context, identity, deadline, work, caller));
}

/** `writeOnce` for a request that the gate has admitted. */
export async function applyOnce(
  pool: DbPool,
  context: RideContext,
  identity: WriteIdentity,
  deadline: number,
  work: (session: Session) => Promise<StoredAnswer>,
  caller: Caller | null = null,
): Promise<WriteResult> {
  // an attempt that got as far as the work had found no record: one that is found later is this request's own
  let hasWorked = false;
  const workNoted = (session: Session) => {
    hasWorked = true;
    return work(session);
  };
  return ride(
    context,
    deadline,
    async (attempt) => {
      const result = await pool.use(async (session) => {
        assertWaiting(caller);
        return attemptOnce(session, identity, attempt, workNoted, caller);
      });
      return { ...result, replayed: !hasWorked };
    },
    caller,
  );
}

/** Three round trips: claim and look, work, record and commit. What stands in one `together` travels together. */
async function attemptOnce(
  session: Session,
  identity: WriteIdentity,
  attempt: Attempt,
  work: (session: Session) => Promise<StoredAnswer>,
  caller: Caller | null,
): Promise<Omit<WriteResult, 'replayed'>> {
  const [, isOurs, known] = await together(
    begin(session),
    lockKey(session, identity, attempt),
    findRecord(session, identity),
  );
  if (known) {
    // whoever may have the key now is another one to be answered again
    if (!isSameRequest(known, identity)) throw await rolledBack(session, new KeyReusedError());
    // seeing the record is not yet proof that it will survive
    const [, , position] = await together(waitForStandby(session), commit(session), readCommitPosition(session));
    return { ...known.answer, position };
  }
  if (!isOurs) throw await rolledBack(session, new KeyInUseError());
  const answer = await worked(session, work, caller).catch(async (error: unknown) => {
    throw await rolledBack(session, error);
  });
  const [, , position] = await together(
    recordAnswer(session, identity, answer),
    commit(session),
    readCommitPosition(session),
  );
  return { ...answer, position };
}

async function worked(
  session: Session,
  work: (session: Session) => Promise<StoredAnswer>,
  caller: Caller | null,
): Promise<StoredAnswer> {
  assertWaiting(caller);
  const answer = await work(session);
  assertWaiting(caller);
  return answer;
}

/** Whether the key is ours now. A first attempt does not wait: whoever has the key is another request. */
async function lockKey(session: Session, { key }: WriteIdentity, attempt: Attempt): Promise<boolean> {
  const number = lockNumber(key);
  if (attempt.maybeApplied) {
    // our own earlier attempt may still wait for its standby: its end is what we wait for
    await session.query({ name: 'lock-key', text: 'select pg_advisory_xact_lock($1::bigint)', values: [number] });
    return true;
  }
  const [row] = await session.query<{ locked: string }>({
    name: 'try-lock-key',
    text: 'select pg_try_advisory_xact_lock($1::bigint) as locked',
    values: [number],
  });
  return row?.locked === 't';
}

/** The advisory lock of a key: 64 bits of it, so that two keys share one only by an accident that costs a 409. */
export function lockNumber(key: Buffer): string {
  return key.readBigInt64BE().toString();
}

async function recordAnswer(
  session: Session,
  { key, fingerprint }: WriteIdentity,
  answer: StoredAnswer,
): Promise<void> {
  await session.query({
    name: 'record-answer',
    text: `insert into idempotency_records (key, fingerprint, status, body, etag, location)
           values ($1, $2, $3, $4, $5, $6)`,
    values: [key, fingerprint, answer.status, answer.body, answer.etag, answer.location],
  });
}

interface KnownAnswer {
  answer: StoredAnswer;
  fingerprint: Buffer | null;
}

async function findRecord(session: Session, identity: WriteIdentity): Promise<KnownAnswer | null> {
  const [row] = await session.query<{ fingerprint: string | null; status: string } & Omit<StoredAnswer, 'status'>>({
    name: 'find-record',
    text: `select encode(fingerprint, 'hex') as fingerprint, status, body, etag, location
             from idempotency_records where key = $1`,
    values: [identity.key],
  });
  if (!row) return null;
  return {
    answer: { status: Number(row.status), body: row.body, etag: row.etag, location: row.location },
    fingerprint: row.fingerprint === null ? null : Buffer.from(row.fingerprint, 'hex'),
  };
}

function isSameRequest(known: KnownAnswer, identity: WriteIdentity): boolean {
  return known.fingerprint === null || identity.fingerprint === null || known.fingerprint.equals(identity.fingerprint);
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
