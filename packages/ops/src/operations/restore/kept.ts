import { membersOf, regionsOf } from '@pgha/infra/cluster';
import { memberRestore } from '../../clients/restore-in-place.ts';
import type { Installation } from '../../installation/installation.ts';

/** Of a former primary region. */
const demoted = 'demoted-';
/** The same, as releases before 0.2.0 named it: read, listed and dropped for as long as somebody keeps it. */
const formerDemoted = 'given-up-';

/**
 * The name under which the data of a former primary region is retained.
 *
 * @param since when its rejoin began; RFC 3339.
 */
export function demotedName(since: string): string {
  return `${demoted}${stampOf(since)}`;
}

/** The name that a rejoin which an older release began has given it. */
export function formerDemotedName(since: string): string {
  return `${formerDemoted}${stampOf(since)}`;
}

/** The name under which what a restore in place replaces is retained. */
export function preRestoreName(at: Date): string {
  return `pre-restore-${stampOf(at.toISOString())}`;
}

const stampOf = (time: string) => time.slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();

/** A data directory that an operation has replaced. */
export interface KeptData {
  id: string;
  /** `region`: of a former primary region. `restore`: of before a restore in place. */
  of: 'region' | 'restore';
  machine: string;
  sizeBytes: number;
  createdAt: Date;
}

/** Every retained data directory, on the nodes that respond. */
export async function findKept(installation: Pick<Installation, 'cluster' | 'host'>): Promise<readonly KeptData[]> {
  const found = await Promise.allSettled(
    regionsOf(installation.cluster)
      .flatMap(membersOf)
      .map(async (node) => {
        const { kept } = await memberRestore(installation.host(node)).state();
        return kept.map(({ id, sizeBytes, createdAt }) => ({
          id,
          of: [demoted, formerDemoted].some((prefix) => id.startsWith(prefix))
            ? ('region' as const)
            : ('restore' as const),
          machine: node.name,
          sizeBytes,
          createdAt: new Date(createdAt * 1_000),
        }));
      }),
  );
  return found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}
