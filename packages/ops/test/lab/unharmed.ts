import { expect } from 'vitest';
import type { Verdict } from '../../src/chaos/checker.ts';

/** No client of either service was told of anything, and nothing was lost. */
export function expectUnharmed(verdict: Verdict): void {
  expect(verdict.lost).toEqual([]);
  expect(verdict.duplicated).toEqual([]);
  expect(verdict.isValid).toBe(true);
  expect(verdict.missing).toEqual([]);
  expect(verdict.counts).toMatchObject({ fail: 0, unknown: 0, readsFail: 0 });
}
