import { describe, expect, it } from 'vitest';
import { readSettings } from '../config.ts';
import { extraMs } from './slowed.ts';

describe('a slowed host', () => {
  const slowness = { latencyMs: 100, throttledShare: 0.5 };

  it('waits for its latency, and longer for each throttled attempt', () => {
    expect(extraMs(slowness, () => 0.9)).toBe(100);
    const values = [0.1, 0.2, 0.9];
    expect(extraMs(slowness, () => values.shift() ?? 1)).toBe(100 + 200 + 400);
  });

  it('ends its attempts, however many are throttled', () => {
    expect(extraMs(slowness, () => 0)).toBe(100 + 200 + 400 + 800 + 1_600);
  });
});

describe('the settings of a slowed lab', () => {
  it('are read from the environment, and refused when they are no numbers', () => {
    expect(readSettings({}).labSlowness).toBeNull();
    expect(readSettings({ PGHA_LAB_LATENCY_MS: '1500', PGHA_LAB_THROTTLED: '0.2' }).labSlowness).toEqual({
      latencyMs: 1_500,
      throttledShare: 0.2,
    });
    expect(() => readSettings({ PGHA_LAB_LATENCY_MS: 'slow' })).toThrow('PGHA_LAB_LATENCY_MS: "slow"');
    expect(() => readSettings({ PGHA_LAB_LATENCY_MS: '1', PGHA_LAB_THROTTLED: '2' })).toThrow(
      'PGHA_LAB_THROTTLED: "2"',
    );
  });
});
