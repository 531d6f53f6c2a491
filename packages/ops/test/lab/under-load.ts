import { expect } from 'vitest';
import { describeVerdict, type Verdict } from '../../src/chaos/checker.ts';
import type { History } from '../../src/chaos/history.ts';
import { withLab } from '../../src/installation/lab.ts';
import { underFault } from '../../src/lab/under-fault.ts';
import type { RunningLab } from './running-lab.ts';

/** Breaks something while clients write and read; prints and gives what they saw once all is well again. */
export async function underLoad(
  lab: RunningLab,
  name: string,
  fault: () => Promise<void>,
): Promise<{ verdict: Verdict; history: History }> {
  const said: string[] = [];
  const outcome = await withLab(lab.places, new AbortController().signal, (installation) =>
    underFault(installation, { cause: fault }, (line) => said.push(line)),
  );
  console.log(`${name}: ${describeVerdict(outcome.verdict)}`);
  for (const { outcome: end, detail } of outcome.history.writes.filter((write) => write.outcome !== 'ok').slice(0, 5)) {
    console.log(`  ${end}: ${detail}`);
  }
  return outcome;
}

/** What every fault has to leave whole. The gap is printed and bounded widely: two shared cores are no measuring bench. */
export function expectWhole(verdict: Verdict, gapBoundMs: number): void {
  expect(verdict.lost).toEqual([]);
  expect(verdict.duplicated).toEqual([]);
  expect(verdict.isValid).toBe(true);
  expect(verdict.counts).toMatchObject({ fail: 0, unknown: 0 });
  expect(verdict.longestGap.lengthMs).toBeLessThan(gapBoundMs);
}
