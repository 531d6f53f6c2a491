import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createRateLimit } from './rate-limit.ts';

describe('createRateLimit', () => {
  it('allows each client its number in a window, and says what is left and when it ends', () => {
    let now = 0;
    const take = createRateLimit({ max: 2, windowMs: 1_500 }, () => now);
    expect(take('a')).toEqual({ allowed: true, remaining: 1, resetSeconds: 2 });
    now = 600;
    expect(take('a')).toEqual({ allowed: true, remaining: 0, resetSeconds: 1 });
    expect(take('a')).toEqual({ allowed: false, remaining: 0, resetSeconds: 1 });
    expect(take('b').allowed).toBe(true);
    now = 1_500;
    expect(take('a')).toEqual({ allowed: true, remaining: 1, resetSeconds: 2 });
  });

  it('never allows a client more than its number in a window, nor fewer than it asks for below that', () => {
    const request = fc.record({ afterMs: fc.nat({ max: 40 }), client: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (requests, max) => {
        const windowMs = 100;
        let now = 0;
        let windowEnds = windowMs;
        const take = createRateLimit({ max, windowMs }, () => now);
        let asked: Record<string, number> = {};
        for (const { afterMs, client } of requests) {
          now += afterMs;
          if (now >= windowEnds) {
            windowEnds = now + windowMs;
            asked = {};
          }
          asked[client] = (asked[client] ?? 0) + 1;
          const verdict = take(client);
          expect(verdict.allowed).toBe(asked[client] <= max);
          expect(verdict.remaining).toBe(Math.max(0, max - asked[client]));
          expect(verdict.resetSeconds).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });

  it('goes on when the time of day is set back', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const take = createRateLimit({ max: 1, windowMs: 1 });
      take('a');
      vi.setSystemTime(Date.now() - 3_600_000);
      const began = performance.now();
      while (performance.now() - began < 2) take('b');
      expect(take('a').allowed).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});
