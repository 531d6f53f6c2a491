import type { Cluster } from '@pgha/infra/cluster';
import { signalsOf } from '@pgha/infra/signals';

/**
 * The bound that an alert of this name keeps: what is worth a message is worth a line of `pgha status`, and both say it of the
 * same number.
 *
 * @throws when there is no such alert.
 */
export function thresholdOf(cluster: Cluster, alert: string): number {
  const signal = signalsOf(cluster).find(({ name }) => name === alert);
  if (signal === undefined) throw new Error(`no alert is named ${alert}`);
  return 'above' in signal.threshold ? signal.threshold.above : signal.threshold.below;
}
