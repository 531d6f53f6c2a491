import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatClock, formatCount, formatDate, formatDuration } from './figures.ts';

describe('figures for people', () => {
  it('show bytes in the unit that fits', () => {
    expect([0, 512, 1_023, 1_024, 16_384, 1_572_864, 1_048_575, 3 * 2 ** 40].map(formatBytes)).toEqual([
      '0 B',
      '512 B',
      '1023 B',
      '1 KiB',
      '16 KiB',
      '1.5 MiB',
      '1 MiB',
      '3 TiB',
    ]);
  });

  it('show durations in the units that fit', () => {
    expect([0, 0.00035, 0.0124, 0.9996, 1.26, 59.4, 59.6, 125, 3_600, 11_040, 190_000].map(formatDuration)).toEqual([
      '0 ms',
      '0.35 ms',
      '12 ms',
      '1 s',
      '1.3 s',
      '59 s',
      '1 min',
      '2 min 5 s',
      '1 h',
      '3 h 4 min',
      '2 d 5 h',
    ]);
  });

  it('show counts with thousands apart', () => {
    expect([0, 0.42, 7, 9.96, 12_400.4].map(formatCount)).toEqual(['0', '0.4', '7', '10', '12,400']);
  });

  it('show times in UTC', () => {
    expect(formatClock(Date.UTC(2026, 10, 22, 4, 3, 2))).toBe('04:03:02');
    expect(formatDate(Date.UTC(2026, 10, 22, 4, 3, 2))).toBe('2026-11-22');
  });

  it('never need more than four digits of a unit', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 2 ** 50, noNaN: true }), (value) => {
        expect(formatBytes(value)).toMatch(/^(\d{1,4}|\d\.\d{1,2}) ([KMGTP]i)?B$/);
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (value) => {
        expect(formatDuration(value)).toMatch(/^[\d.]+ (ms|s|min|h|d)( \d+ (s|min|h))?$/);
      }),
    );
  });
});
