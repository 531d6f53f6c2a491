import { type Cluster, type Region, regionsOf } from '@pgha/infra/cluster';
import { detachedRepositoriesParameter, repositoryNumber } from '@pgha/infra/machines';
import { UsageError } from '../../exit-codes.ts';
import type { SecretStore } from '../../secrets/index.ts';

/** A time of which a repository has no archive, or will not have one. */
export interface ArchiveGap {
  repository: number;
  /**
   * `detached`: nothing is archived into it; `returning`: the archive goes on, and no full backup was taken since; `closed`: one was
   * taken, and only what lies in the gap cannot be restored from it.
   */
  state: 'detached' | 'returning' | 'closed';
  /** RFC 3339, UTC. */
  from: string;
  /** When its next full backup was complete; null before. */
  to: string | null;
}

const line = /^(\d+) (detached|returning|closed) (\S+)(?: (\S+))?$/;

/**
 * Reads the parameter `backup/detached`.
 *
 * @throws when a line is none.
 */
export function parseArchiveGaps(text: string): readonly ArchiveGap[] {
  return text
    .trim()
    .split('\n')
    .filter((each) => each !== 'none')
    .map((each) => {
      const [, repository, state, from, to] = line.exec(each) ?? [];
      if (repository === undefined || state === undefined || from === undefined) {
        throw new Error(
          `invalid line "${each}" in backup/detached. Expected: "REPOSITORY detached|returning|closed FROM [TO]"`,
        );
      }
      return { repository: Number(repository), state: state as ArchiveGap['state'], from, to: to ?? null };
    });
}

export function formatArchiveGaps(gaps: readonly ArchiveGap[]): string {
  if (gaps.length === 0) return 'none\n';
  return gaps
    .map(({ repository, state, from, to }) => `${[repository, state, from, ...(to === null ? [] : [to])].join(' ')}\n`)
    .join('');
}

/** The gap that is not closed yet, if there is one. */
export function openGap(gaps: readonly ArchiveGap[], repository: number): ArchiveGap | null {
  return gaps.find((gap) => gap.repository === repository && gap.state !== 'closed') ?? null;
}

/** Opens a gap, unless one is open: then that one is detached again, from when it began. */
export function withDetached(gaps: readonly ArchiveGap[], repository: number, now: string): readonly ArchiveGap[] {
  const open = openGap(gaps, repository);
  const detached: ArchiveGap = { repository, state: 'detached', from: open?.from ?? now, to: null };
  return [...gaps.filter((gap) => gap !== open), detached];
}

/** The archive goes into the repository again. */
export function withReturning(gaps: readonly ArchiveGap[], repository: number): readonly ArchiveGap[] {
  return gaps.map((gap) => (gap === openGap(gaps, repository) ? { ...gap, state: 'returning' } : gap));
}

/**
 * A full backup is complete. Gaps that are older than anything a repository keeps are forgotten.
 *
 * @param to when the backup was complete.
 * @param oldest before which nothing is kept; RFC 3339, UTC.
 */
export function withClosed(
  gaps: readonly ArchiveGap[],
  repository: number,
  to: string,
  oldest: string,
): readonly ArchiveGap[] {
  const open = openGap(gaps, repository);
  return gaps
    .map((gap): ArchiveGap => (gap === open ? { ...gap, state: 'closed', to } : gap))
    .filter((gap) => gap.to === null || gap.to > oldest);
}

/** What is written down of the archive, as the first region has it. */
export async function readArchiveGaps(store: SecretStore, cluster: Cluster): Promise<readonly ArchiveGap[]> {
  const name = detachedRepositoriesParameter(cluster);
  const stored = (await store.inspect([name])).get(name);
  if (stored === undefined)
    throw new Error(`${store.place} has no parameter ${name}. Create it with: pgha secrets init`);
  return parseArchiveGaps(stored.value);
}

/** @throws UsageError when there is no such repository. */
export function regionOfRepository(cluster: Cluster, repository: number): Region {
  const region = regionsOf(cluster).find((each) => repositoryNumber(each) === repository);
  if (region === undefined) {
    const names = regionsOf(cluster).map((each) => `${repositoryNumber(each)} (${each.awsRegion})`);
    throw new UsageError(`unknown repository ${repository}. Repositories: ${names.join(', ')}`);
  }
  return region;
}
