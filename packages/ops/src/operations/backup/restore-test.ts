import { type RestoreTestResult, readRestoreTest, startRestoreTest } from '../../clients/restore-test.ts';
import type { Host } from '../../hosts/host.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';

/** A terabyte from S3, replayed and read twice. */
const testTimeoutMs = 24 * 3_600_000;

/**
 * The step that restores a repository's newest backup and the WAL behind it on a machine, and compares every table with the
 * primary's. The machine does all of it by itself, as it does every week; a test that is at work there is waited for.
 *
 * @param ended gets the result, whichever it is.
 */
export function planRestoreTest(
  beside: Host,
  repository: number,
  ended: (result: RestoreTestResult) => void,
  signal: AbortSignal,
): Step {
  return {
    title: `Restore the newest backup of repository ${repository} on ${beside.name} and compare it with the primary`,
    run: async (report) => {
      const before = await readRestoreTest(beside, repository);
      if (!before.isRunning) await startRestoreTest(beside, repository);
      const { result, problem } = await waitUntil(
        async () => {
          const status = await readRestoreTest(beside, repository);
          report(status.progress?.phase ?? 'starting');
          const isOurs =
            before.isRunning || status.result?.endedAt !== before.result?.endedAt || status.problem !== null;
          return !status.isRunning && isOurs ? status : null;
        },
        { what: `the restore test on ${beside.name}`, timeoutMs: testTimeoutMs, everyMs: 1_000, signal },
      );
      if (result === null) throw new Error(`the restore test on ${beside.name} did not start: ${problem}`);
      ended(result);
    },
  };
}
