import { type Cluster, regionsOf } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { observe, toldOf } from '../../clients/observation.ts';
import { type Repository, readRepository } from '../../clients/pgbackrest.ts';
import { findPrimary } from '../secrets/machines.ts';
import type { SecretsSetting } from '../secrets/setting.ts';
import { type ArchiveGap, openGap, readArchiveGaps } from './record.ts';

/** The archive as `pgha archive status` tells it. Moments are RFC 3339 in UTC. */
export interface ArchiveStatus {
  /** Segments that the primary keeps because the archive does not have them yet; null: it does not say. */
  waiting: number | null;
  repositories: readonly RepositoryState[];
}

interface RepositoryState {
  repository: number;
  region: string;
  state: 'attached' | 'detached' | 'returning';
  /** Since when it is not attached, or has no full backup since it was. */
  since: string | null;
  lastFullAt: string | null;
  archivedUpTo: string | null;
  /** What it cannot restore, besides what is open. */
  gaps: readonly Pick<ArchiveGap, 'from' | 'to'>[];
  /** Why it cannot be read; null: it can. */
  problem: string | null;
}

/** A repository that is unavailable is asked for so long. */
const patienceSeconds = 10;

export async function readArchiveStatus(setting: SecretsSetting): Promise<ArchiveStatus> {
  const { cluster, store, host } = setting;
  const gaps = await readArchiveGaps(store, cluster);
  const { node } = await findPrimary(setting);
  const database = toldOf((await observe(host(node))).database);
  const repositories = await Promise.all(
    regionsOf(cluster).map(async (region) => {
      const repository = repositoryNumber(region);
      const read = await readRepository(host(node), cluster.scope, repository, patienceSeconds).catch(
        (error: Error) => error.message,
      );
      return describeRepository(cluster, repository, read, gaps);
    }),
  );
  return { waiting: database?.walWaiting ?? null, repositories };
}

function describeRepository(
  cluster: Cluster,
  repository: number,
  read: Repository | string,
  gaps: readonly ArchiveGap[],
): RepositoryState {
  const open = openGap(gaps, repository);
  const seen = typeof read === 'string' ? null : read;
  const full = seen?.backups.findLast(({ type }) => type === 'full');
  return {
    repository,
    region: regionsOf(cluster).find((region) => repositoryNumber(region) === repository)?.awsRegion ?? '',
    state: open === null || open.state === 'closed' ? 'attached' : open.state,
    since: open?.from ?? null,
    lastFullAt: full?.stoppedAt.toISOString() ?? null,
    archivedUpTo: seen?.archivedUpTo ?? null,
    gaps: gaps
      .filter((gap) => gap.repository === repository && gap.state === 'closed')
      .map(({ from, to }) => ({ from, to })),
    problem: typeof read === 'string' ? (read.split('\n')[0] ?? '') : null,
  };
}
