import { performance } from 'node:perf_hooks';

/** What a client has left: for the `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers). */
export interface RateVerdict {
  allowed: boolean;
  remaining: number;
  resetSeconds: number;
}

/**
 * Counts requests a client in fixed windows that begin together, so that forgetting the last window is one assignment
 * and the memory is bounded by the clients of one window.
 *
 * Invariant: a client is allowed at most `max` requests in a window.
 */
export function createRateLimit(
  { max, windowMs }: { max: number; windowMs: number },
  // not the time of day: set back an hour, it would make the window last an hour
  now: () => number = () => performance.now(),
) {
  let counts = new Map<string, number>();
  let windowEnds = now() + windowMs;

  return function take(client: string): RateVerdict {
    const at = now();
    if (at >= windowEnds) {
      counts = new Map();
      windowEnds = at + windowMs;
    }
    const count = (counts.get(client) ?? 0) + 1;
    counts.set(client, count);
    return {
      allowed: count <= max,
      remaining: Math.max(0, max - count),
      resetSeconds: Math.ceil((windowEnds - at) / 1000),
    };
  };
}
