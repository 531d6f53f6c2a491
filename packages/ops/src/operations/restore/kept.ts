import { membersOf, regionsOf } from '@pgha/infra/cluster';
import { memberRestore } from '../../clients/restore-in-place.ts';
import type { Installation } from '../../installation/installation.ts';

const givenUp = 'given-up-';

/**
 * The name under which the data of a region that was given up is kept.
 *
 * @param since when the region's return began; RFC 3339.
 */
export function givenUpName(since: string): string {
  return `${givenUp}${since.slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}`;
}

/** A data directory that an operation has replaced. */
export interface KeptData {
  id: string;
  /** `region`: its region had been given up. `restore`: of before a restore in place. */
  of: 'region' | 'restore';
  machine: string;
  sizeBytes: number;
  createdAt: Date;
}

/** Every data directory that was set aside, on the machines that can be asked. */
export async function findKept(installation: Installation): Promise<readonly KeptData[]> {
  const found = await Promise.allSettled(
    regionsOf(installation.cluster)
      .flatMap(membersOf)
      .map(async (node) => {
        const { kept } = await memberRestore(installation.host(node)).state();
        return kept.map(({ id, sizeBytes, createdAt }) => ({
          id,
          of: id.startsWith(givenUp) ? ('region' as const) : ('restore' as const),
          machine: node.name,
          sizeBytes,
          createdAt: new Date(createdAt * 1_000),
        }));
      }),
  );
  return found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}
