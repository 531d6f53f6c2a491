import { setTimeout as delay } from 'node:timers/promises';
import { type Caller, ClientGoneError } from './caller.ts';
import { classify } from './outcome.ts';
import type { DbPool } from './pool.ts';

/** Thrown to a caller that would wait where too many wait already. */
export class QueueFullError extends Error {
  readonly code = 'PGHA_QUEUE_FULL';
  constructor(limit: number) {
    super(`${limit} requests are already queued for a database server`);
  }
}

/** Thrown to a caller whose deadline passed before the server was back. */
export class DeadlineError extends Error {
  readonly code = 'PGHA_DEADLINE';
  constructor(waitedMs: number, cause?: unknown) {
    super(`no database server with the required role responded within ${Math.round(waitedMs)} ms`, { cause });
  }
}

/** Open while the server answers, shut after an attempt found it gone; one prober looks, however many wait. */
export interface Gate {
  /**
   * Resolves at once while open, else when the server is back; rejects with `QueueFullError`, `DeadlineError`, or
   * `ClientGoneError` as soon as `caller` has gone.
   */
  pass(deadline: number, caller?: Caller | null): Promise<void>;
  /**
   * Runs `work`, a whole request. Rejects with `QueueFullError` at once when the gate is shut and as many requests as may
   * be held are in progress, wherever they wait.
   */
  admit<T>(work: () => Promise<T>): Promise<T>;
  /** An attempt met a server that is gone or in another role. */
  shut(): void;
  isOpen(): boolean;
  waiting(): number;
  close(): void;
}

interface Waiter {
  resolve: () => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/**
 * Without a gate every held request would try to connect by itself, and a new primary would start its life under a
 * storm. `probeIntervalMs` bounds how long a ready server stays unnoticed.
 */
export function createGate(pool: DbPool, queueLimit: number, probeIntervalMs = 50): Gate {
  const waiters = new Set<Waiter>();
  let open = true;
  let closed = false;
  let inProgress = 0;

  function release(): void {
    open = true;
    for (const waiter of waiters) {
      clearTimeout(waiter.timer);
      waiter.resolve();
    }
    waiters.clear();
  }

  async function probe(): Promise<void> {
    while (!open && !closed) {
      try {
        await pool.use((session) => session.query({ name: 'probe', text: 'select 1' }));
        release();
      } catch (error) {
        // a server that answers and rejects `select 1` is there; whatever is wrong with it, waiting will not help
        if (classify(error) === 'rejected') release();
        else await delay(probeIntervalMs, undefined, { ref: false });
      }
    }
  }

  return {
    pass(deadline, caller = null) {
      if (open) return Promise.resolve();
      if (caller?.hasGone) return Promise.reject(new ClientGoneError());
      const started = Date.now();
      if (deadline <= started) return Promise.reject(new DeadlineError(0));
      if (waiters.size >= queueLimit) return Promise.reject(new QueueFullError(queueLimit));
      return new Promise<void>((resolve, reject) => {
        const giveUp = (error: Error) => {
          clearTimeout(waiter.timer);
          waiters.delete(waiter);
          reject(error);
        };
        const waiter: Waiter = {
          resolve,
          reject,
          timer: setTimeout(() => giveUp(new DeadlineError(Date.now() - started)), deadline - started),
        };
        waiters.add(waiter);
        if (caller) caller.onGone = () => giveUp(new ClientGoneError());
      }).finally(() => {
        if (caller) caller.onGone = null;
      });
    },
    async admit(work) {
      if (!open && inProgress >= queueLimit) throw new QueueFullError(queueLimit);
      inProgress += 1;
      try {
        return await work();
      } finally {
        inProgress -= 1;
      }
    },
    shut() {
      if (!open || closed) return;
      open = false;
      void probe();
    },
    isOpen: () => open,
    waiting: () => waiters.size,
    close() {
      closed = true;
      for (const waiter of waiters) {
        clearTimeout(waiter.timer);
        waiter.reject(new DeadlineError(0));
      }
      waiters.clear();
    },
  };
}
