import { expect } from 'vitest';
import { judge } from '../../src/chaos/checker.ts';
import type { FinalRead, History } from '../../src/chaos/history.ts';
import type { DrStatus } from '../../src/operations/dr/status.ts';
import { untilQuiet } from './quiet-status.ts';
import { missingFrom } from './region-clients.ts';
import { runPgha } from './running-lab.ts';

/** What `pgha dr status` says of both regions, whether something needs a person or not. */
export async function statusNow(): Promise<DrStatus> {
  const { stdout, stderr } = await runPgha(['dr', 'status', '--json', '--lab']);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as DrStatus;
}

/** Waits until `pgha dr status` has nothing to say that needs a person. */
export const untilNothingNeedsAPerson = (): Promise<DrStatus> => untilQuiet(statusNow);

/**
 * Holds what a failover told of its loss against what was lost: at least 40 rows, which the caller wrote while nothing arrived in
 * the other region; none of before the moment that it names, and none after the seconds that it admits.
 *
 * @param told what the command printed.
 * @param read what the region that took over holds.
 */
export function expectLossAsTold(told: string, history: History, read: FinalRead): void {
  const [, moment = '', seconds = ''] = /committed until (\S+) is kept; at most ([\d.]+) s/.exec(told) ?? [];
  const keptUntil = Date.parse(moment);
  expect(keptUntil, told).toBeGreaterThan(0);
  const missing = missingFrom(read.keys, history);
  const lostForSeconds = (Math.max(...missing.map(({ completedAtMs }) => completedAtMs)) - keptUntil) / 1_000;
  console.log(
    `lost: ${missing.length} rows, acknowledged within ${lostForSeconds.toFixed(1)} s; told: at most ${seconds} s`,
  );
  expect(missing.length).toBeGreaterThanOrEqual(40);
  expect(missing.filter(({ completedAtMs }) => completedAtMs < keptUntil)).toEqual([]);
  expect(lostForSeconds).toBeLessThanOrEqual(Number(seconds));
  expect(judge(history, [read])).toMatchObject({ duplicated: [], invented: [], denied: [] });
}
