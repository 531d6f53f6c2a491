import { setTimeout as delay } from 'node:timers/promises';

/**
 * The promise's value, unless it takes too long: whatever asks a region that is down may never be answered. The work itself goes
 * on.
 *
 * @throws with `what` when the time is over.
 */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  const stop = new AbortController();
  const tooLong = delay(timeoutMs, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${what} within ${timeoutMs / 1_000} s`);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    stop.abort();
    // the loser's error is nobody's
    tooLong.catch(() => undefined);
  }
}
