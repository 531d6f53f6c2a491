import { type Cluster, regionsOf } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { type Archive, type Backup, readArchive } from '../../clients/pgbackrest.ts';
import type { Host } from '../../hosts/host.ts';
import { windowOf } from '../restore/target.ts';

/** What a repository holds, as `pgha backup list` tells it. Moments are RFC 3339 in UTC. */
export interface RepositoryListing {
  repository: number;
  region: string;
  /** null: it does not answer, and `problem` says why. */
  backups: readonly BackupListing[] | null;
  problem: string | null;
  /** Every second between these can be restored; null: nothing can. */
  window: { from: string; to: string } | null;
  archivedUpTo: string | null;
}

interface BackupListing {
  label: string;
  type: Backup['type'];
  stoppedAt: string;
  ageSeconds: number;
  sizeBytes: number;
  repositoryBytes: number;
  wal: { start: string; stop: string };
  hasDamagedPages: boolean;
}

/**
 * Reads every repository.
 *
 * @param host any database machine.
 */
export function listBackups(cluster: Cluster, host: Host): Promise<readonly RepositoryListing[]> {
  return Promise.all(
    regionsOf(cluster).map(async (region) => {
      const repository = repositoryNumber(region);
      const { awsRegion } = region;
      try {
        return {
          ...describeArchive(await readArchive(host, repository)),
          repository,
          region: awsRegion,
          problem: null,
        };
      } catch (error) {
        const problem = (error as Error).message;
        return { repository, region: awsRegion, backups: null, problem, window: null, archivedUpTo: null };
      }
    }),
  );
}

/** Pure. */
function describeArchive({ at, repository }: Archive): Pick<RepositoryListing, 'backups' | 'window' | 'archivedUpTo'> {
  const window = windowOf(repository, at);
  return {
    backups: repository.backups.map((backup) => ({
      label: backup.label,
      type: backup.type,
      stoppedAt: backup.stoppedAt.toISOString(),
      ageSeconds: Math.round((at.getTime() - backup.stoppedAt.getTime()) / 1_000),
      sizeBytes: backup.sizeBytes,
      repositoryBytes: backup.repositoryDeltaBytes,
      wal: backup.wal,
      hasDamagedPages: backup.hasError,
    })),
    window: window === null ? null : { from: window.from.toISOString(), to: window.to.toISOString() },
    archivedUpTo: repository.archivedUpTo,
  };
}
