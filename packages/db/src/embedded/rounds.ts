import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** Repeats a round, sooner when woken, and lets callers wait for what an observation shows. */
export interface Rounds {
  /** Begins the next round now, or right after the one under way. */
  wake(): void;
  /** Numbers an observation before it is made, … */
  begin(): number;
  /** … and tells those who wait that it has been made. */
  made(observation: number): void;
  /**
   * Resolves when the condition holds after an observation that began after the call: an earlier one may have missed
   * what the caller has just done. Rejects with the explanation after the deadline or when stopped.
   */
  until(condition: () => boolean, deadlineMs: number, explain: (why: string) => Error): Promise<void>;
  isStopping(): boolean;
  stop(): Promise<void>;
}

/** The pause after a round that failed. */
const RETRY_MS = 250;

/**
 * @param round does one round and returns how many milliseconds to pause after it
 * @param complain told of a failure once, however often it repeats
 */
export function startRounds(round: () => Promise<number>, complain: (message: string) => void): Rounds {
  const observations = new EventEmitter<{ made: [number] }>();
  let begun = 0;
  let stopping = false;
  let lastComplaint = '';
  let wake: () => void = () => {};

  async function run(): Promise<void> {
    while (!stopping) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const pauseMs = await round().catch((error: Error) => {
        if (error.message !== lastComplaint) complain(error.message);
        lastComplaint = error.message;
        return RETRY_MS;
      });
      const timer = new AbortController();
      await Promise.race([woken, delay(pauseMs, null, { signal: timer.signal }).catch(() => {})]);
      timer.abort();
    }
  }

  // not before the caller has what this function returns
  const running = Promise.resolve().then(run);

  return {
    wake: () => wake(),
    begin: () => ++begun,
    made: (observation) => void observations.emit('made', observation),

    async until(condition, deadlineMs, explain) {
      const before = begun;
      const deadline = performance.now() + deadlineMs;
      wake();
      for (;;) {
        if (stopping) throw explain('stopped before it was');
        const [observation] = (await once(observations, 'made')) as [number];
        if (observation > before && condition()) return;
        if (performance.now() > deadline) throw explain(`after ${deadlineMs / 1000} s it was not`);
      }
    },

    isStopping: () => stopping,

    async stop() {
      stopping = true;
      wake();
      await running;
      observations.emit('made', begun); // those who still wait see that it has stopped
    },
  };
}
