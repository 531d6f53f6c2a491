import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { bucketOf, registerDurations } from './durations.ts';

const bounds = [0.001, 0.01, 0.1, 1];
const name = 'duration_seconds';
const help = 'help';

/** What a registry says, as a set: the order of the lines is nobody's promise. */
const linesOf = async (registry: Registry) => new Set((await registry.metrics()).split('\n'));

describe('durations', () => {
  it('are rendered as those of a histogram of prom-client', async () => {
    const observation = fc.record({
      labels: fc.record({
        route: fc.constantFrom('/items/:id', '/items', '/"quoted"\\'),
        status: fc.constantFrom('200', '503'),
      }),
      // sums of these are exact whatever their order
      seconds: fc.oneof(
        fc.constantFrom(...bounds),
        fc.nat({ max: 4_096 }).map((value) => value / 1_024),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(observation, { maxLength: 60 }), async (observations) => {
        const [ours, theirs] = [new Registry(), new Registry()];
        const labelNames = ['route', 'status'];
        const histogram = new Histogram({ name, help, labelNames, buckets: bounds, registers: [theirs] });
        const durations = registerDurations(ours, { name, help, bounds });
        const series = new Map<string, ReturnType<typeof durations.series>>();
        for (const { labels, seconds } of observations) {
          histogram.observe(labels, seconds);
          const key = JSON.stringify(labels);
          const own = series.get(key) ?? durations.series(labels);
          series.set(key, own);
          own.observe(seconds);
        }
        expect(await linesOf(ours)).toEqual(await linesOf(theirs));
      }),
    );
  });

  it('fall into the first bucket that holds them', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 10, noNaN: true }), (seconds) => {
        const bucket = bucketOf(bounds, seconds);
        expect(bounds[bucket] ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(seconds);
        if (bucket > 0) expect(bounds[bucket - 1]).toBeLessThan(seconds);
      }),
    );
  });
});
