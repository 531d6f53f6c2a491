import type { Region } from '@pgha/infra/cluster';
import { isSlotInvalidated, recreateInvalidatedSlot } from '../clients/slots.ts';
import type { Installation } from '../installation/installation.ts';
import type { Step } from '../step.ts';
import { leadingHost } from './dr/promote.ts';

/**
 * The step that makes a slot keep WAL again after it was invalidated. Patroni 4.0.7 leaves an invalidated slot as it is for ever,
 * and whoever uses it streams without anything being kept for it (Patroni issues 3641 and 3659).
 */
export function planSlotAgain(
  installation: Pick<Installation, 'host'>,
  leaders: Region,
  slot: string,
  signal: AbortSignal,
): Step {
  const leader = () => leadingHost({ ...installation, signal }, leaders);
  return {
    title: `Recreate the invalidated replication slot ${slot} in ${leaders.awsRegion}`,
    isNeeded: async () => isSlotInvalidated(await leader(), slot),
    run: async () => recreateInvalidatedSlot(await leader(), slot, signal),
  };
}
