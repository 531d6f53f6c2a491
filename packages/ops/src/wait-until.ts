import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, as the end of the sentence "timed out after 30 s waiting for …". */
  what: string;
  timeoutMs: number;
  /** Pause between two checks. */
  everyMs?: number;
  signal?: AbortSignal;
}

/**
 * Checks again and again until the condition gives something else than null or false.
 * An error of the condition counts as "not yet", and is the cause when time runs out.
 *
 * @throws when the time is over; the message names what was waited for and the last error. When aborted,
 *   the signal's reason.
 */
export async function waitUntil<T>(condition: () => Promise<T | null | false>, options: WaitOptions): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  let lastError: unknown = null;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const value = await condition();
      if (value !== null && value !== false) return value;
      lastError = null;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() >= deadline) {
      const why = lastError instanceof Error ? `: ${lastError.message}` : '';
      throw new Error(`timed out after ${options.timeoutMs / 1000} s waiting for ${options.what}${why}`, {
        cause: lastError,
      });
    }
    const pause = options.signal === undefined ? {} : { signal: options.signal };
    // only an abort ends a pause with an error, and its reason says more than that error does
    await delay(options.everyMs ?? 200, undefined, pause).catch(() => options.signal?.throwIfAborted());
  }
}
