import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { hasReached, type LsnToken } from './lsn.ts';
import type { DbObserver } from './observer.ts';
import { FinalAnswerError } from './outcome.ts';

/** The replica did not reach the position in time. `reached` is how far it was at the last look. */
export class ReplicaBehindError extends FinalAnswerError {
  readonly code = 'PGHA_REPLICA_BEHIND';
  readonly wanted: LsnToken;
  readonly reached: LsnToken;
  constructor(wanted: LsnToken, reached: LsnToken) {
    super('the replica has not reached Min-LSN');
    this.wanted = wanted;
    this.reached = reached;
  }
}

/** Long enough for a look to cost nothing, short beside a network round trip to the client. */
const lookEveryMs = 5;

/** Waits for replay positions; one look serves every waiter (PostgreSQL 17 has no way to be told). */
export function createReplayWatch(look: () => Promise<LsnToken>, observer: DbObserver) {
  let next: Promise<LsnToken> | null = null;

  function nextLook(): Promise<LsnToken> {
    next ??= delay(lookEveryMs)
      .then(look)
      .finally(() => {
        next = null;
      });
    return next;
  }

  return {
    /** Resolves once `wanted` is reached; throws `ReplicaBehindError` after `waitMs`. `seen` is what the caller knows. */
    async waitFor(wanted: LsnToken, seen: LsnToken, waitMs: number): Promise<void> {
      const started = performance.now();
      let reached = seen;
      try {
        while (!hasReached(reached, wanted)) {
          if (performance.now() - started >= waitMs) throw new ReplicaBehindError(wanted, reached);
          reached = await nextLook();
        }
      } finally {
        observer.replicaWait((performance.now() - started) / 1000);
      }
    },
  };
}
