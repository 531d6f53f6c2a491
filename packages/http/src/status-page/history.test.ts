import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHistory, type Sample } from './history.ts';

const sample = (at: number, over: Partial<Sample> = {}): Sample => ({
  at,
  requestsPerSecond: at,
  failuresPerSecond: 0,
  p50: null,
  p99: null,
  held: 0,
  lag: null,
  away: 0,
  ...over,
});

describe('history', () => {
  it('is empty at first', () => {
    const history = createHistory(3);
    expect(history.length).toBe(0);
    expect(history.points('held')).toEqual([]);
  });

  it('keeps what is not known apart from zero', () => {
    const history = createHistory(3);
    history.push(sample(1, { lag: null }));
    history.push(sample(2, { lag: 0 }));
    expect(history.points('lag')).toEqual([
      { at: 1, value: null },
      { at: 2, value: 0 },
    ]);
  });

  it('holds the last samples, oldest first, and no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat({ max: 60 }), (capacity, pushed) => {
        const history = createHistory(capacity);
        for (let at = 1; at <= pushed; at += 1) history.push(sample(at));
        const kept = Math.min(capacity, pushed);
        const expected = Array.from({ length: kept }, (_, index) => pushed - kept + 1 + index);
        expect(history.length).toBe(kept);
        expect(history.points('requestsPerSecond')).toEqual(expected.map((at) => ({ at, value: at })));
      }),
    );
  });
});
