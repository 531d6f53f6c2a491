import type { Verdict } from '../chaos/checker.ts';
import type { History } from '../chaos/history.ts';
import { startWorkload } from '../chaos/workload.ts';
import type { Installation } from '../installation/installation.ts';
import { findServices, judgeRun } from '../operations/load.ts';
import type { Report } from '../step.ts';
import { waitUntil } from '../wait-until.ts';
import { type Fault, waitUntilHealed } from './faults.ts';

/** The same load in every run, so that figures can be compared: four writers and two readers, each at most every 20 ms. */
const load = { writers: 4, readers: 2, everyMs: 20 } as const;
/** Acknowledged writes before a fault and after it, between which the gap is looked for. */
const around = 100;

/**
 * Causes a fault while clients write and read, waits until writes succeed again and every member is back, and judges what the
 * clients were told against what every member holds.
 */
export async function underFault(
  installation: Installation,
  fault: Pick<Fault, 'cause'>,
  report: Report,
): Promise<{ verdict: Verdict; history: History }> {
  const run = `fault-${Date.now()}`;
  const workload = startWorkload(await findServices(installation), { run, ...load });
  const more = async (what: string) => {
    const wanted = workload.acknowledged() + around;
    await waitUntil(async () => workload.acknowledged() >= wanted, {
      what: `${around} acknowledged writes ${what}`,
      timeoutMs: 120_000,
      everyMs: 50,
      signal: installation.signal,
    });
  };
  let history: History;
  try {
    await more('before the fault');
    await fault.cause(installation, report);
    await more('after the fault');
    await waitUntilHealed(installation, report);
  } finally {
    history = await workload.stop();
  }
  return { verdict: await judgeRun(installation, run, history), history };
}
