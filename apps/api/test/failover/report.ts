import type { Verdict } from './checker.ts';
import { type Operation, tally } from './history.ts';

/** One scenario as a few lines for people. */
export function renderReport(scenario: string, history: Operation[], verdict: Verdict): string {
  const { requests, errors, acknowledgedWrites, longestGapMs, held, slowestMs } = tally(history);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const entries = (counts: Record<string, number>) =>
    Object.entries(counts)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const findings = Object.entries(verdict)
    .map(([name, each]) => `${name} ${each.length}`)
    .join(', ');
  return [
    scenario,
    `  requests: ${entries(requests)}; errors: ${entries(errors) || 'none'}`,
    `  acknowledged writes: ${acknowledgedWrites}, longest gap between two: ${seconds(longestGapMs)}`,
    `  held: ${held} requests, the longest ${seconds(slowestMs)}`,
    `  ${findings}`,
  ].join('\n');
}
