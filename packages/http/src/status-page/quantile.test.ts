import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latencyBuckets } from '../metrics.ts';
import { quantile } from './quantile.ts';

const counts = fc.array(fc.nat({ max: 1_000 }), { minLength: latencyBuckets.length, maxLength: latencyBuckets.length });

describe('quantile', () => {
  it('is not known when nothing was observed', () => {
    expect(quantile(0.5, [0, 0], [1, 2])).toBeNull();
  });

  it('lies linearly within its bucket', () => {
    expect(quantile(0.5, [0, 10, 0], [1, 3, 5])).toBe(2);
    expect(quantile(0.99, [99, 1], [1, 2])).toBe(1);
    expect(quantile(1, [99, 1], [1, 2])).toBe(2);
  });

  it('is never past its bucket, whatever the rounding', () => {
    expect(quantile(1, [0, 8], [0.001, 0.0025])).toBe(0.0025);
  });

  it('is the last finite bound when it lies beyond it', () => {
    expect(quantile(0.99, [1, 99], [1, Number.POSITIVE_INFINITY])).toBe(1);
  });

  it('is the true quantile to within its bucket', () => {
    const seconds = fc.array(fc.double({ min: 0.0001, max: 59, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(seconds, fc.constantFrom(0.5, 0.9, 0.99), (observed, q) => {
        const inBuckets = latencyBuckets.map(() => 0);
        const bucketOf = (value: number) => latencyBuckets.findIndex((bound) => value <= bound);
        for (const value of observed) inBuckets[bucketOf(value)] = (inBuckets[bucketOf(value)] ?? 0) + 1;
        const exact = observed.toSorted((a, b) => a - b)[Math.ceil(q * observed.length) - 1] ?? 0;
        const estimate = quantile(q, inBuckets, latencyBuckets) ?? Number.NaN;
        const bucket = bucketOf(exact);
        expect(estimate).toBeGreaterThanOrEqual(bucket === 0 ? 0 : (latencyBuckets[bucket - 1] ?? 0));
        expect(estimate).toBeLessThanOrEqual(latencyBuckets[bucket] ?? 0);
      }),
    );
  });

  it('grows with its share', () => {
    fc.assert(
      fc.property(counts, (each) => {
        const half = quantile(0.5, each, latencyBuckets);
        const most = quantile(0.99, each, latencyBuckets);
        expect(half === null).toBe(most === null);
        expect(half ?? 0).toBeLessThanOrEqual(most ?? 0);
      }),
    );
  });
});
