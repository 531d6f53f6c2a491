import type { Region } from '@pgha/infra/cluster';
import type { Installation } from '../../installation/installation.ts';
import { type OperationRun, runGuarded } from '../operation.ts';

/**
 * Runs an operation as the only one on both regions' clusters: which of them acts changes on the way, and other operations look
 * into the acting one's etcd.
 *
 * @param regions always in the same order for the same operation.
 * @param prepare what has to be done before the second region's etcd can be asked; done again by every run.
 */
export async function runOnBothRegions<T>(
  installation: Installation,
  regions: readonly [Region, Region],
  doing: string,
  work: (run: OperationRun) => Promise<T>,
  { prepare = async () => undefined }: { prepare?: () => Promise<void> } = {},
): Promise<T> {
  return runGuarded(installation, { kind: 'exclusive', regions }, doing, work, prepare);
}
