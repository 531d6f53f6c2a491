import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binaryScale, decadeScale, decimalScale, type Scale } from './scale.ts';

const highest = fc.double({ min: 0, max: 1e9, noNaN: true });

function expectAxis({ ticks, place }: Scale, value: number): void {
  const top = ticks.at(-1) ?? 0;
  expect(ticks.length).toBeGreaterThanOrEqual(2);
  expect(top).toBeGreaterThanOrEqual(value * (1 - 1e-9));
  for (const [index, tick] of ticks.entries()) expect(place(tick)).toBeCloseTo(index / (ticks.length - 1), 9);
  expect(place(top * 10)).toBe(1);
  expect(place(0)).toBe(0);
}

describe('scales', () => {
  it('reach a round number at or above the highest value', () => {
    expect(decimalScale(0, 10).ticks).toEqual([0, 5, 10]);
    expect(decimalScale(73, 10).ticks).toEqual([0, 20, 40, 60, 80]);
    expect(decimalScale(210, 10).ticks).toEqual([0, 100, 200, 300]);
    expect(binaryScale(0, 65_536).ticks).toEqual([0, 16_384, 32_768, 49_152, 65_536]);
    expect(binaryScale(100_000, 65_536).ticks).toEqual([0, 32_768, 65_536, 98_304, 131_072]);
    expect(decadeScale(0.003, 0.001, 0.1).ticks).toEqual([0.001, 0.01, 0.1]);
    expect(decadeScale(2, 0.001, 0.1).ticks).toEqual([0.001, 0.01, 0.1, 1, 10]);
  });

  it('space their ticks equally and hold every value', () => {
    fc.assert(
      fc.property(highest, (value) => {
        expectAxis(decimalScale(value, 10), value);
        expectAxis(binaryScale(value, 65_536), value);
        expectAxis(decadeScale(value, 0.0001, 0.1), value);
      }),
    );
  });

  it('have at most five ticks from zero', () => {
    fc.assert(
      fc.property(highest, (value) => {
        expect(decimalScale(value, 10).ticks.length).toBeLessThanOrEqual(5);
        expect(binaryScale(value, 65_536).ticks.length).toBeLessThanOrEqual(5);
      }),
    );
  });
});
