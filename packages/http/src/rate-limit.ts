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
export function createRateLimit({ max, windowMs }: { max: number; windowMs: number }) {
  let counts = new Map<string, number>();
  let windowEnds = Number.NEGATIVE_INFINITY;

  /** `now` is not the time of day: set back an hour, it would make the window last an hour. */
  return function take(client: string, now: number): RateVerdict {
    if (now >= windowEnds) {
      counts = new Map();
      windowEnds = now + windowMs;
    }
    const count = (counts.get(client) ?? 0) + 1;
    counts.set(client, count);
    return {
      allowed: count <= max,
      remaining: Math.max(0, max - count),
      resetSeconds: Math.ceil((windowEnds - now) / 1000),
    };
  };
}
