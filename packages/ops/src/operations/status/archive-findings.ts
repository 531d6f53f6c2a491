import { toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import type { ClusterObservation } from './observe.ts';
import { thresholdOf } from './thresholds.ts';

/** The archive, as the primary tells it. */
export function archiveFindings(seen: ClusterObservation): readonly Finding[] {
  return seen.machines.flatMap(({ node, seen: machine }) => {
    const database = toldOf(machine?.database);
    if (machine === null || database === null || database.inRecovery) return [];
    const { lastArchivedAt } = database.archiver;
    const ageMs = lastArchivedAt === null ? null : Date.parse(machine.at) - Date.parse(lastArchivedAt);
    const tooOld = thresholdOf(seen.cluster, 'WalNotArchived') * 1_000;
    const isStale = ageMs !== null && ageMs > tooOld && database.walWaiting > 0;
    const { lastFailedAt } = database.archiver;
    const fails =
      lastFailedAt !== null && (lastArchivedAt === null || Date.parse(lastFailedAt) > Date.parse(lastArchivedAt));
    const lag = toldOf(machine.health)?.find(({ name }) => name === 'pgha_wal_archive_lag_seconds')?.value ?? 0;
    const lags = !isStale && lag > thresholdOf(seen.cluster, 'WalArchiveLags');
    return [
      ...(isStale
        ? [
            {
              what: `${node.name} archived its last WAL segment ${Math.round((ageMs ?? 0) / 1_000)} s ago; ${database.walWaiting} wait`,
              remedy: 'pgha backup verify says which repository refuses; pgha archive detach leaves a lost one out',
              alert: 'WalNotArchived',
            },
          ]
        : []),
      ...(lags
        ? [
            {
              what:
                `the archive is ${Math.round(lag)} s behind ${node.name}: ${database.walWaiting} WAL segments wait ` +
                `(${positionsOf(seen)})`,
              remedy:
                'S3 or the way to it is slow, or that machine is; pgha archive detach leaves out a repository that stays behind. ' +
                'Writes continue, WAL is kept on the primary, and a point-in-time restore ends that long ago',
              alert: 'WalArchiveLags',
            },
          ]
        : []),
      ...(fails && !isStale
        ? [
            {
              what: `the archive command of ${node.name} fails since ${lastArchivedAt ?? 'its start'}`,
              remedy: `journalctl -u patroni on ${node.name} has pgBackRest's reason; pgha backup verify says which repository refuses`,
              alert: 'ArchiveCommandFails',
            },
          ]
        : []),
    ];
  });
}

/** How far each repository is: the slow one is the one that is behind. */
const positionsOf = ({ repositories }: ClusterObservation) =>
  repositories
    .map(({ key, seen, problem }) => `repository ${key} up to ${seen?.archivedUpTo ?? problem ?? 'nothing'}`)
    .join(', ');
