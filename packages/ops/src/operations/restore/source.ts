import { type Cluster, type Region, regionsOf } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { type Archive, readArchive } from '../../clients/pgbackrest.ts';
import { RefusedError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import { chooseSource, type RestoreSource } from './target.ts';

/** Where a moment is restored from, and what that repository knows. */
export interface FoundSource {
  source: RestoreSource;
  archive: Archive;
}

/**
 * The repository that brings a moment back: the acting region's own, or another one when that is away or does not have it.
 *
 * @param repository the only one that is asked; null: any.
 * @throws RefusedError with what each of them lacks.
 */
export async function findSource(
  cluster: Cluster,
  acting: Region,
  reader: Host,
  moment: Date,
  repository: number | null,
): Promise<FoundSource> {
  const nearestFirst = [acting, ...regionsOf(cluster).filter(({ kind }) => kind !== acting.kind)].map(repositoryNumber);
  const reasons: string[] = [];
  for (const key of repository === null ? nearestFirst : [repository]) {
    try {
      const archive = await readArchive(reader, key);
      return { source: chooseSource(archive, moment), archive };
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new RefusedError(reasons.join('. '));
}
