import type { Cluster } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

const hour = 3600;
const day = 24 * hour;
/** Segments are closed every 30 s; the objective is 5 minutes. */
const notArchivedSeconds = 120;

/** Backups and the archive: without an alert a stale backup is noticed on the day it is needed. */
export function backupSignals({ backups }: Cluster): readonly Signal[] {
  return [
    {
      name: 'WalNotArchived',
      group: 'backups',
      summary: '{{ $labels.instance }} archived its last WAL segment {{ $value | humanizeDuration }} ago',
      meaning: 'WAL archiving has stopped or has fallen behind: a segment is closed every 30 s.',
      impact:
        'Point-in-time recovery ends at the last archived segment, and pg_wal grows until the WAL is archived to every repository.',
      query: 'instance:archive_age_seconds:leading',
      unit: 'seconds',
      threshold: { above: notArchivedSeconds },
      forSeconds: 30,
      severity: 'critical',
      runbook:
        '`pgha archive status` shows the repository that fails, `journalctl -u patroni | grep archive` the reason. If a repository is unavailable for long, detach it before the disk fills (DiskSpaceLow): `pgha archive detach`.',
      page: 'archive-detach.md',
    },
    {
      name: 'WalArchiveLagHigh',
      group: 'backups',
      summary:
        'The oldest WAL segment of {{ $labels.instance }} has been waiting {{ $value | humanizeDuration }} to be archived',
      meaning: 'WAL is archived more slowly than it is written: S3 is slow or throttled, or the node is overloaded.',
      impact:
        'A point-in-time recovery cannot reach a later time than this, and WAL accumulates on the primary’s data volume.',
      // where nothing is archived at all, WalNotArchived fires
      query: `pgha_wal_archive_lag_seconds unless on (instance) (instance:archive_age_seconds:leading > ${notArchivedSeconds})`,
      unit: 'seconds',
      threshold: { above: notArchivedSeconds },
      forSeconds: 60,
      severity: 'critical',
      runbook:
        '`pgha status` shows the last archived WAL of each repository; `pgha archive detach` stops archiving to the one that is behind.',
      page: 'archive-detach.md',
    },
    {
      name: 'ArchiveCommandFailing',
      group: 'backups',
      summary: 'archive_command fails on {{ $labels.instance }}',
      meaning:
        '`pg_stat_archiver.failed_count` increases: pgBackRest could not archive a WAL segment to every repository.',
      impact: 'As for WalNotArchived, which follows if it lasts.',
      query: 'increase(pg_stat_archiver_failed_count[2m])',
      unit: 'count',
      threshold: { above: 0 },
      forSeconds: 30,
      severity: 'critical',
      runbook:
        '`journalctl -u patroni | grep archive` on the primary has pgBackRest’s reason: a repository that is unavailable, denied credentials, or the archive of another cluster.',
      page: 'archive-detach.md',
    },
    {
      name: 'FullBackupOverdue',
      group: 'backups',
      summary: 'The last full backup is {{ $value | humanizeDuration }} old',
      meaning: 'A full backup is scheduled once a week.',
      impact: 'Restores take longer, and old backups do not expire.',
      query: 'min(pgbackrest_backup_since_last_completion_seconds{backup_type="full"})',
      unit: 'seconds',
      // once a week, and a day to notice before the next one
      threshold: { above: 8 * day },
      forSeconds: 60,
      severity: 'critical',
      runbook:
        '`journalctl -u "pgha-backup@full"` and `systemctl list-timers "pgha-backup*"` on the primary; `pgha backup create --type full` takes one now.',
      page: 'backups.md',
    },
    {
      name: 'BackupOverdue',
      group: 'backups',
      summary: 'The last backup of any type is {{ $value | humanizeDuration }} old',
      meaning: 'Two scheduled incremental backups in a row are missing.',
      impact: 'A restore has to replay more WAL and takes longer.',
      // the exporter counts a full backup as the latest of the smaller types too
      query: 'min(pgbackrest_backup_since_last_completion_seconds{backup_type="incr"})',
      unit: 'seconds',
      threshold: { above: Math.min(2 * backups.incrementalEveryHours * hour, 2 * day) },
      forSeconds: 60,
      severity: 'warning',
      runbook: '`journalctl -u "pgha-backup@incr"` on the primary; `pgha backup create` takes one now.',
      page: 'backups.md',
    },
    {
      name: 'RestoreTestFailed',
      group: 'backups',
      summary: 'The restore test of repository {{ $labels.repository }} failed',
      meaning: 'The weekly restore of a backup did not start, or its data differs from the primary’s.',
      impact: 'The backups of this repository may not be restorable.',
      // another node may have done it since
      query:
        'pgha_restore_test_success and on (instance) (pgha_restore_test_end_seconds == scalar(max(pgha_restore_test_end_seconds)))',
      unit: 'count',
      threshold: { below: 1 },
      forSeconds: 60,
      severity: 'critical',
      runbook:
        '`pgha backup verify --restore --repo {{ $labels.repository }}` repeats the test and shows the difference.',
      page: 'verify-backups.md',
    },
    {
      name: 'RestoreTestOverdue',
      group: 'backups',
      summary: 'No restore test has succeeded for {{ $value | humanizeDuration }}',
      meaning: 'A restore test is scheduled once a week.',
      impact: 'That the backups can be restored has not been verified recently.',
      query: 'time() - (max(pgha_restore_test_success_end_seconds) or max(pgha_restore_test_expected_since_seconds))',
      unit: 'seconds',
      // once a week, and two days to have a failed one tried again
      threshold: { above: 9 * day },
      forSeconds: 60,
      severity: 'warning',
      runbook: '`pgha backup verify --restore` runs one now, or shows why it cannot.',
      page: 'verify-backups.md',
    },
    {
      name: 'BackupRepositoryUnreachable',
      group: 'backups',
      summary: 'Backup repository {{ $labels.repo_key }} cannot be read',
      meaning:
        'pgBackRest reports an error for this repository: the bucket, its permissions, or the backup encryption key.',
      impact:
        'No backup can be taken to or restored from it. WAL stays on the primary until it is archived to every repository.',
      query: 'max by (repo_key) (pgbackrest_repo_status)',
      unit: 'count',
      threshold: { above: 0 },
      forSeconds: 600,
      severity: 'critical',
      runbook:
        '`pgbackrest info --repo={{ $labels.repo_key }}` on a database node shows the reason. If its region is down: `pgha archive detach`.',
      page: 'archive-detach.md',
    },
    {
      name: 'BackupObjectsDeleted',
      group: 'backups',
      summary: '{{ $value }} objects that backups need were deleted from repository {{ $labels.repository }}',
      meaning: 'The bucket has delete markers on files of backups that pgBackRest lists, or on WAL that they need.',
      impact: 'The affected backups cannot be restored until the previous versions of the objects are restored.',
      query: 'max by (repository) (pgha_backup_objects_deleted)',
      unit: 'count',
      threshold: { above: 0 },
      forSeconds: 60,
      severity: 'critical',
      runbook:
        '`pgha status` lists the backups and the first object. First find out whose credentials deleted them, then restore the previous versions.',
      page: 'backup-objects-deleted.md',
    },
    {
      name: 'BackupObjectsUnchecked',
      group: 'backups',
      summary:
        'Repository {{ $labels.repository }} has not been checked for deleted objects for {{ $value | humanizeDuration }}',
      meaning: 'The hourly check for deleted backup objects has not succeeded on any API node.',
      impact: 'BackupObjectsDeleted cannot fire for this repository.',
      query: 'time() - max by (repository) (pgha_backup_objects_checked_seconds)',
      unit: 'seconds',
      // once an hour, and tried again every five minutes where it fails
      threshold: { above: 6 * hour },
      forSeconds: 60,
      severity: 'warning',
      runbook:
        '`journalctl -u pgha-deleted-backups` on the API node shows the reason: the bucket, s3:ListBucketVersions, or pgBackRest.',
      page: 'backup-objects-deleted.md',
    },
    {
      name: 'BackupMetricsMissing',
      group: 'backups',
      summary: 'There are no backup metrics: no pgBackRest exporter is responding',
      meaning: 'No database node reports the state of the backups to Prometheus.',
      impact: 'FullBackupOverdue, BackupOverdue and BackupRepositoryUnreachable cannot fire.',
      query: 'count(pgbackrest_stanza_status) or vector(0)',
      unit: 'count',
      threshold: { below: 1 },
      forSeconds: 900,
      severity: 'critical',
      runbook:
        '`journalctl -u prometheus-pgbackrest-exporter` on a database node; `pgha backup list` reads the backups without it.',
      page: '../monitoring.md',
    },
  ];
}
