import { expect } from 'vitest';
import type { History, Write } from '../../src/chaos/history.ts';
import { startWorkload, type Workload } from '../../src/chaos/workload.ts';
import { workloadTargets } from '../../src/lab/load.ts';
import { waitUntil } from '../../src/wait-until.ts';
import type { RunningLab } from './running-lab.ts';

/** Clients that write all the time, and the seconds between their writes. */
export interface Ledger {
  /** Begins every row's name. */
  run: string;
  workload: Workload;
  /** Waits until so many more writes were acknowledged. */
  more(count: number): Promise<void>;
  /** A whole second that has passed, with acknowledged writes on both of its sides. */
  middle(): Promise<Date>;
}

/** Starts four writers. */
export function startLedger(lab: RunningLab, name: string): Ledger {
  const run = `${name}-${Date.now()}`;
  const clients = { writers: 4, readers: 1, everyMs: 40 };
  const workload = startWorkload(workloadTargets(lab.cluster, lab.access), { run, ...clients });
  const more = async (count: number) => {
    const wanted = workload.acknowledged() + count;
    await waitUntil(async () => workload.acknowledged() >= wanted, {
      what: `${count} more acknowledged writes`,
      timeoutMs: 300_000,
      everyMs: 50,
    });
  };
  return {
    run,
    workload,
    more,
    middle: async () => {
      await more(40);
      const second = new Date(Math.ceil(Date.now() / 1_000) * 1_000);
      await waitUntil(async () => Date.now() > second.getTime(), {
        what: 'the next second',
        timeoutMs: 5_000,
        everyMs: 20,
      });
      await more(40);
      return second;
    },
  };
}

/**
 * Compares what a server has of a run with what its clients knew: everything acknowledged before a moment is there, nothing that
 * was acknowledged for a write sent after it.
 *
 * @param until when the cluster went back to that moment, in milliseconds: what was acknowledged later is there again.
 */
export function expectMoment(
  { writes }: History,
  keys: readonly string[],
  moment: Date,
  until = Number.POSITIVE_INFINITY,
): void {
  const acknowledged = writes.filter(({ outcome }) => outcome === 'ok');
  const before = acknowledged.filter(({ completedAtMs }) => completedAtMs < moment.getTime());
  const lost = acknowledged.filter(
    ({ invokedAtMs, completedAtMs }) => invokedAtMs > moment.getTime() && completedAtMs <= until,
  );
  const later = acknowledged.filter(({ completedAtMs }) => completedAtMs > until);
  // a comparison of nothing with nothing would hold as well
  expect(before.length).toBeGreaterThan(30);
  expect(lost.length).toBeGreaterThan(30);
  if (until !== Number.POSITIVE_INFINITY) expect(later.length).toBeGreaterThan(20);
  const found = new Set(keys);
  expect([...before, ...later].filter(({ key }) => !found.has(key)).map(describe)).toEqual([]);
  expect(lost.filter(({ key }) => found.has(key)).map(describe)).toEqual([]);
  expect(keys.length).toBe(found.size);
}

const describe = ({ key, invokedAtMs, completedAtMs, outcome }: Write) =>
  `${key} ${outcome} ${new Date(invokedAtMs).toISOString()} - ${new Date(completedAtMs).toISOString()}`;
