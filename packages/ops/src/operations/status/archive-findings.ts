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
    const lags = !isStale && lag > thresholdOf(seen.cluster, 'WalArchiveLagHigh');
    return [
      ...(isStale
        ? [
            {
              what: `${node.name}: WAL archive backlog: ${database.walWaiting} segments pending, last archived ${Math.round((ageMs ?? 0) / 1_000)} s ago`,
              remedy: 'pgha backup verify shows which repository fails. If its region is down: pgha archive detach',
              alert: 'WalNotArchived',
            },
          ]
        : []),
      ...(lags
        ? [
            {
              what:
                `${node.name}: WAL archiving is ${Math.round(lag)} s behind: ${database.walWaiting} segments pending ` +
                `(${positionsOf(seen)})`,
              remedy:
                'S3, the network route to it, or that node is slow. If one repository stays behind: pgha archive detach. Writes continue; until ' +
                'then WAL accumulates on the primary, and point-in-time recovery cannot reach a later time',
              alert: 'WalArchiveLagHigh',
            },
          ]
        : []),
      ...(fails && !isStale
        ? [
            {
              what: `${node.name}: archive_command has been failing since ${lastArchivedAt ?? 'the server started'}`,
              remedy: `check the pgBackRest error: journalctl -u patroni (on ${node.name}); pgha backup verify shows which repository fails`,
              alert: 'ArchiveCommandFailing',
            },
          ]
        : []),
    ];
  });
}

/** How far each repository is: the slow one is the one that is behind. */
const positionsOf = ({ repositories }: ClusterObservation) =>
  repositories
    .map(({ key, seen, problem }) => `repository ${key}: last archived ${seen?.archivedUpTo ?? problem ?? 'none'}`)
    .join(', ');
