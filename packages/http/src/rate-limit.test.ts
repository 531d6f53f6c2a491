import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimit } from './rate-limit.ts';

describe('createRateLimit', () => {
  it('allows each client its number in a window, and says what is left and when it ends', () => {
    const take = createRateLimit({ max: 2, windowMs: 1_500 });
    expect(take('a', 0)).toEqual({ allowed: true, remaining: 1, resetSeconds: 2 });
    expect(take('a', 600)).toEqual({ allowed: true, remaining: 0, resetSeconds: 1 });
    expect(take('a', 600)).toEqual({ allowed: false, remaining: 0, resetSeconds: 1 });
    expect(take('b', 600).allowed).toBe(true);
    expect(take('a', 1_500)).toEqual({ allowed: true, remaining: 1, resetSeconds: 2 });
  });

  it('never allows a client more than its number in a window, nor fewer than it asks for below that', () => {
    const request = fc.record({ afterMs: fc.nat({ max: 40 }), client: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (requests, max) => {
        const windowMs = 100;
        let now = 0;
        let windowEnds = 0;
        const take = createRateLimit({ max, windowMs });
        let asked: Record<string, number> = {};
        for (const { afterMs, client } of requests) {
          now += afterMs;
          if (now >= windowEnds) {
            windowEnds = now + windowMs;
            asked = {};
          }
          asked[client] = (asked[client] ?? 0) + 1;
          const verdict = take(client, now);
          expect(verdict.allowed).toBe(asked[client] <= max);
          expect(verdict.remaining).toBe(Math.max(0, max - asked[client]));
          expect(verdict.resetSeconds).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });
});
