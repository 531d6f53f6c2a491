import { describeVerdict, judge, type Verdict } from '../../src/chaos/checker.ts';
import type { History } from '../../src/chaos/history.ts';
import { startWorkload } from '../../src/chaos/workload.ts';
import { readFinalState, workloadTargets } from '../../src/lab/load.ts';
import { waitForMembers } from '../../src/lab/readiness.ts';
import { waitUntil } from '../../src/wait-until.ts';
import type { RunningLab } from './running-lab.ts';

/** As many clients as the measurements this is compared with: four writers, each at most every 20 ms. */
const clients = { writers: 4, readers: 2, everyMs: 20 } as const;

/**
 * Breaks something while clients write and read, waits until writes succeed again and every member is back, and judges what
 * the clients were told against what every member holds. Prints the verdict.
 */
export async function underLoad(
  lab: RunningLab,
  name: string,
  fault: () => Promise<void>,
): Promise<{ verdict: Verdict; history: History }> {
  const run = `${name.replaceAll(' ', '-')}-${Date.now()}`;
  const workload = startWorkload(workloadTargets(lab.cluster, lab.access), { run, ...clients });
  const more = async (count: number, what: string) => {
    const before = workload.acknowledged();
    await waitUntil(async () => workload.acknowledged() >= before + count, { what, timeoutMs: 120_000, everyMs: 50 });
  };
  let history: History;
  try {
    await more(100, 'the first hundred acknowledged writes');
    await fault();
    await more(100, 'a hundred acknowledged writes after the fault');
    await waitForMembers(lab.cluster.primary, lab.access.ca);
  } finally {
    history = await workload.stop();
  }
  const finalReads = await waitUntil(
    async () => {
      const reads = await readFinalState(lab.groups, lab.cluster, run);
      // a member that still replays is not one that lost something
      return reads.every(({ keys }) => keys.length === reads[0]?.keys.length) ? reads : null;
    },
    { what: 'all members to hold the same', timeoutMs: 60_000, everyMs: 500 },
  ).catch(() => readFinalState(lab.groups, lab.cluster, run));
  const verdict = judge(history, finalReads);
  console.log(`${name}: ${describeVerdict(verdict)}`);
  for (const { outcome, detail } of history.writes.filter((write) => write.outcome !== 'ok').slice(0, 5)) {
    console.log(`  ${outcome}: ${detail}`);
  }
  return { verdict, history };
}
