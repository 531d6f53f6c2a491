import type { Region } from '@pgha/infra/cluster';
import type { Installation } from '../../installation/installation.ts';
import type { LockSurroundings } from '../lock.ts';
import { type OperationRun, runOperation } from '../operation.ts';

/**
 * Runs an operation as the only one on both regions' clusters: which of them acts changes on the way, and other operations look
 * into the acting one's etcd. What it chooses is kept in both; the first region's, which is written first and removed last, counts.
 *
 * @param regions always in the same order for the same operation.
 * @param prepare what has to be done before the second region's etcd can be asked; done again by every run.
 * @throws RefusedError while another operation is in progress in either, or was interrupted there.
 */
export async function runOnBothRegions<T>(
  installation: Installation,
  [first, second]: readonly [Region, Region],
  doing: string,
  work: (run: OperationRun) => Promise<T>,
  { around, prepare = async () => undefined }: { around?: LockSurroundings; prepare?: () => Promise<void> } = {},
): Promise<T> {
  return runOperation(
    installation,
    first,
    doing,
    async (outer) => {
      await prepare();
      return runOperation(
        installation,
        second,
        doing,
        (inner) =>
          work({
            signal: AbortSignal.any([outer.signal, inner.signal]),
            memory: {
              since: outer.memory.since,
              isResumed: outer.memory.isResumed || inner.memory.isResumed,
              recall: (name) => outer.memory.recall(name) ?? inner.memory.recall(name),
              choose: async (name, make) => {
                const chosen = await outer.memory.choose(name, make);
                return inner.memory.choose(name, () => chosen);
              },
            },
          }),
        around,
      );
    },
    around,
  );
}
