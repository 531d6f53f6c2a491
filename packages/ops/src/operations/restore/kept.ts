import { membersOf, regionsOf } from '@pgha/infra/cluster';
import { memberRestore } from '../../clients/restore-in-place.ts';
import type { Installation } from '../../installation/installation.ts';

/** A data directory of before a restore in place. */
export interface KeptData {
  id: string;
  machine: string;
  sizeBytes: number;
  createdAt: Date;
}

/** Everything that restores in place have set aside, on the machines that can be asked. */
export async function findKept(installation: Installation): Promise<readonly KeptData[]> {
  const found = await Promise.allSettled(
    regionsOf(installation.cluster)
      .flatMap(membersOf)
      .map(async (node) => {
        const { kept } = await memberRestore(installation.host(node)).state();
        return kept.map(({ id, sizeBytes, createdAt }) => ({
          id,
          machine: node.name,
          sizeBytes,
          createdAt: new Date(createdAt * 1_000),
        }));
      }),
  );
  return found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}
