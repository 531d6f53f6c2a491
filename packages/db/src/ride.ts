import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { assertWaiting, type Caller } from './caller.ts';
import { DeadlineError, type Gate } from './gate.ts';
import type { DbObserver } from './observer.ts';
import { classify, FinalAnswerError, type Outcome } from './outcome.ts';

/** What every attempt of one kind shares. A `read` has no effect, so that repeating it needs no proof. */
export interface RideContext {
  kind: 'read' | 'write';
  gate: Gate;
  observer: DbObserver;
}

/** What an attempt may know of those before it. */
export interface Attempt {
  /** True once an earlier attempt of a write ended `unknown`: it may have been applied, and may still be running. */
  maybeApplied: boolean;
}

/** A write was given up while it was not known whether it had been applied. */
export class OutcomeUnknownError extends FinalAnswerError {
  readonly code = 'PGHA_OUTCOME_UNKNOWN';
  constructor(cause: unknown) {
    super('the outcome of the write is unknown', { cause });
  }
}

/** Between two attempts on a server that is there: enough for a deadlock partner to finish, too short to be noticed. */
const pauseMs = { first: 5, longest: 250 };

/**
 * Runs `attempt` until it succeeds, is `rejected`, or `deadline` (epoch ms) passes. A failure that a failover explains
 * shuts the gate, and the next attempt is made when a server of the right role answers. Throws the rejection, or
 * `DeadlineError` or `QueueFullError`, when nothing was applied; otherwise `OutcomeUnknownError`. Once `caller` has gone
 * no further attempt is made, and `ClientGoneError` is thrown: there is nobody to be told.
 *
 * Invariant: after an `unknown` attempt of a write the caller is told a success, a `FinalAnswerError` of an attempt that
 * knew `maybeApplied`, or `OutcomeUnknownError`. It is never told that the write was not applied: the first attempt's
 * bytes may still lie in the socket of a server that hangs.
 */
export function ride<T>(
  context: RideContext,
  deadline: number,
  attempt: (state: Attempt) => Promise<T>,
  caller: Caller | null = null,
): Promise<T> {
  // nearly every request ends with its first attempt, and pays for no more than that
  if (!context.gate.isOpen()) return rideOn(context, deadline, attempt, caller, null);
  return attempt({ maybeApplied: false }).catch((error: unknown) =>
    rideOn(context, deadline, attempt, caller, { error }),
  );
}

/** Goes on after the first attempt has failed, or waits to make it. */
async function rideOn<T>(
  context: RideContext,
  deadline: number,
  attempt: (state: Attempt) => Promise<T>,
  caller: Caller | null,
  failed: { error: unknown } | null,
): Promise<T> {
  const state: Attempt = { maybeApplied: false };
  let pause = pauseMs.first;
  let failure = failed;
  let heldSince: number | null = null;
  try {
    for (;;) {
      if (failure !== null) {
        takeNote(context, state, failure.error);
        heldSince ??= performance.now();
        if (Date.now() + pause >= deadline)
          throw givenUp(context, state, new DeadlineError(performance.now() - heldSince, failure.error));
        await delay(pause * (0.5 + Math.random() / 2));
        pause = Math.min(pause * 2, pauseMs.longest);
      }
      assertWaiting(caller);
      if (!context.gate.isOpen()) {
        heldSince ??= performance.now();
        await waitAtGate(context, deadline, state, caller, failure?.error);
      }
      try {
        return await attempt(state);
      } catch (error) {
        failure = { error };
      }
    }
  } finally {
    if (heldSince !== null && context.kind === 'write')
      context.observer.writeHold((performance.now() - heldSince) / 1000);
  }
}

/** What a failed attempt means for the next one; throws what ends the ride. */
function takeNote(context: RideContext, state: Attempt, error: unknown): void {
  if (error instanceof FinalAnswerError) throw error;
  const outcome = classify(error);
  if (outcome === 'rejected') throw givenUp(context, state, error);
  context.observer.retry(outcome);
  if (outcome === 'unknown' && context.kind === 'write') state.maybeApplied = true;
  if (pointsAtTheServer(outcome)) context.gate.shut();
}

async function waitAtGate(
  context: RideContext,
  deadline: number,
  state: Attempt,
  caller: Caller | null,
  lastError: unknown,
): Promise<void> {
  try {
    await context.gate.pass(deadline, caller);
  } catch (error) {
    assertWaiting(caller);
    throw givenUp(context, state, error, lastError);
  }
}

function givenUp(context: RideContext, state: Attempt, error: unknown, lastError: unknown = error): unknown {
  if (!state.maybeApplied) return error;
  context.observer.writeOutcomeUnknown();
  return new OutcomeUnknownError(lastError);
}

function pointsAtTheServer(outcome: Outcome): boolean {
  return outcome === 'never-ran' || outcome === 'refused' || outcome === 'unknown';
}
