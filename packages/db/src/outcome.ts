import type { DatabaseError } from 'pg';

/**
 * What is known about a statement whose answer is an error:
 * - `never-ran`: it was not sent, or the server was not serving; run it again
 * - `refused`: this server is not the primary; drop the connection and run it again elsewhere
 * - `rolled-back`: the server undid it for a reason that passes; run it again
 * - `session-lost`: the session forgot its prepared statement; drop the connection and run it again
 * - `unknown`: it may have been applied; reads run again, writes only with proof (the idempotency record)
 * - `rejected`: it was executed and refused for what it says; running it again changes nothing
 */
export type Outcome = 'never-ran' | 'refused' | 'rolled-back' | 'session-lost' | 'unknown' | 'rejected';

/** Before anything ran: the server starts or stops, is full, or refuses the connection. */
const neverRanStates = new Set(['57P03', '08001', '08004', '53300']);
/** read_only_sql_transaction: the old primary, demoted under our feet. */
const refusedStates = new Set(['25006']);
/**
 * serialization_failure, deadlock_detected, lock_not_available, query_canceled. The last two are timeouts: whoever held
 * the lock may be an earlier attempt of ours, so they say nothing about the request.
 */
const rolledBackStates = new Set(['40001', '40P01', '55P03', '57014']);
/** invalid_sql_statement_name, duplicate_prepared_statement, "cached plan must not change result type". */
const sessionLostStates = new Set(['26000', '42P05', '0A000']);
/** The server or the connection went away while it may have been committing. */
const unknownStates = new Set(['57P01', '57P02', '57P05', '08000', '08003', '08006', '08007', '40003']);

/** No connection could be had, so that nothing was sent. `cause` says why. */
export class NoConnectionError extends Error {
  readonly code = 'PGHA_NO_CONNECTION';
  constructor(cause: unknown) {
    super(`no database connection: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The server answered but is not in the role that was asked for (a standby where the primary was expected). */
export class WrongRoleError extends Error {
  readonly code = 'PGHA_WRONG_ROLE';
  constructor(detail: string) {
    super(detail);
  }
}

/** The connection carries nothing any more, although nobody has closed it (session-watch.ts). */
export class ConnectionSilentError extends Error {
  readonly code = 'PGHA_CONNECTION_SILENT';
  constructor() {
    super('the connection is unresponsive, and the server is not executing a statement of it');
  }
}

/** The commit's wait for the standby was cancelled: it is on one machine only and may be lost. */
export class SynchronousWaitCancelledError extends Error {
  readonly code = 'PGHA_SYNC_WAIT_CANCELLED';
  constructor() {
    super('the wait for the synchronous standby was cancelled: the commit may be lost in a failover');
  }
}

/** A verdict about the request, not about the server: it ends a ride as it is, and the connection is as good as before. */
export class FinalAnswerError extends Error {}

/** An error PostgreSQL itself sent, recognised by its SQLSTATE and severity. */
export function isDatabaseError(error: unknown): error is DatabaseError & { code: string } {
  return (
    error instanceof Error &&
    'severity' in error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.length === 5
  );
}

/**
 * Says what an error of a statement means. The only place that knows (PostgreSQL appendix A, and node-postgres' own
 * messages). Errors of *getting* a connection arrive as `NoConnectionError`. Anything else that did not come from the
 * server is `unknown`, whatever its code: EHOSTUNREACH also ends an established connection whose peer vanished.
 */
export function classify(error: unknown): Outcome {
  if (error instanceof FinalAnswerError) return 'rejected';
  if (error instanceof NoConnectionError) return 'never-ran';
  if (error instanceof WrongRoleError) return 'refused';
  if (error instanceof SynchronousWaitCancelledError) return 'unknown';
  if (isDatabaseError(error)) return classifyState(error.code, endsSession(error));
  return 'unknown';
}

function classifyState(state: string, sessionEnded: boolean): Outcome {
  if (neverRanStates.has(state)) return 'never-ran';
  if (refusedStates.has(state)) return 'refused';
  if (rolledBackStates.has(state)) return 'rolled-back';
  if (sessionLostStates.has(state)) return 'session-lost';
  if (unknownStates.has(state)) return 'unknown';
  // a server that crashes, or a pooler that lost its server (08P01), says so in the middle of whatever was running
  return sessionEnded ? 'unknown' : 'rejected';
}

/** True when the connection that met this error must not be used again. */
export function spoilsConnection(error: unknown): boolean {
  const outcome = classify(error);
  return endsSession(error) || (outcome !== 'rejected' && outcome !== 'rolled-back');
}

/** PostgreSQL, "Error and Notice Message Fields": after FATAL the session is over, after PANIC every session is. */
function endsSession(error: unknown): boolean {
  return isDatabaseError(error) && (error.severity === 'FATAL' || error.severity === 'PANIC');
}
