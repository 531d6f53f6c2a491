import type { Cluster } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

const hour = 3600;
const day = 24 * hour;
/** Segments are closed every 30 s; the objective is 5 minutes. */
const notArchivedSeconds = 120;

/** Backups and the archive: stale ones are noticed on the day they are needed, unless somebody watches. */
export function backupSignals({ backups }: Cluster): readonly Signal[] {
  return [
    {
      name: 'WalNotArchived',
      group: 'backups',
      summary: '{{ $labels.instance }} archived its last WAL segment {{ $value | humanizeDuration }} ago',
      query: 'instance:archive_age_seconds:leading',
      unit: 'seconds',
      threshold: { above: notArchivedSeconds },
      forSeconds: 30,
      severity: 'page',
      runbook:
        '`journalctl -u patroni | grep archive` and `pgbackrest check`. WAL stays on the primary until every repository has it: DiskFilling follows if it lasts, and `pgha archive detach` leaves out one whose region is away.',
    },
    {
      name: 'WalArchiveLags',
      group: 'backups',
      summary:
        'The oldest WAL segment of {{ $labels.instance }} has waited {{ $value | humanizeDuration }} for the archive',
      // where nothing is archived at all, WalNotArchived says so
      query: `pgha_wal_archive_lag_seconds unless on (instance) (instance:archive_age_seconds:leading > ${notArchivedSeconds})`,
      unit: 'seconds',
      threshold: { above: notArchivedSeconds },
      forSeconds: 60,
      severity: 'page',
      runbook:
        'Segments are archived, more slowly than they are written: S3 is slow or throttled, or the machine is. `pgha status` shows how far each repository is; `pgha archive detach` leaves out the one that is behind. Until then a point-in-time restore ends that long ago, and WAL stays on the primary.',
    },
    {
      name: 'ArchiveCommandFails',
      group: 'backups',
      summary: 'The archive command of {{ $labels.instance }} fails',
      query: 'increase(pg_stat_archiver_failed_count[2m])',
      unit: 'count',
      threshold: { above: 0 },
      forSeconds: 30,
      severity: 'page',
      runbook:
        'The machine’s log has pgBackRest’s reason: a repository that is away, refused credentials, or another cluster’s archive.',
    },
    {
      name: 'FullBackupOld',
      group: 'backups',
      summary: 'The last full backup is {{ $value | humanizeDuration }} old',
      query: 'min(pgbackrest_backup_since_last_completion_seconds{backup_type="full"})',
      unit: 'seconds',
      // once a week, and a day to notice before the next one
      threshold: { above: 8 * day },
      forSeconds: 60,
      severity: 'page',
      runbook:
        '`systemctl list-timers "pgha-backup*"` and `journalctl -u "pgha-backup@full"` on the primary’s machine.',
    },
    {
      name: 'BackupOld',
      group: 'backups',
      summary: 'The last backup of any kind is {{ $value | humanizeDuration }} old',
      // the exporter counts a full backup as the latest of the smaller kinds too
      query: 'min(pgbackrest_backup_since_last_completion_seconds{backup_type="incr"})',
      unit: 'seconds',
      threshold: { above: Math.min(2 * backups.incrementalEveryHours * hour, 2 * day) },
      forSeconds: 60,
      severity: 'ticket',
      runbook:
        'Two incremental backups in a row are missing: `journalctl -u "pgha-backup@incr"` on the primary’s machine.',
    },
    {
      name: 'RestoreTestFailed',
      group: 'backups',
      summary: 'The restore test of repository {{ $labels.repository }} failed',
      // another machine may have done it since
      query:
        'pgha_restore_test_success and on (instance) (pgha_restore_test_end_seconds == scalar(max(pgha_restore_test_end_seconds)))',
      unit: 'count',
      threshold: { below: 1 },
      forSeconds: 60,
      severity: 'page',
      runbook: '`pgha backup verify --restore --repo {{ $labels.repository }}` names what differs.',
    },
    {
      name: 'RestoreTestOld',
      group: 'backups',
      summary: 'No restore test has succeeded for {{ $value | humanizeDuration }}',
      query: 'time() - (max(pgha_restore_test_success_end_seconds) or max(pgha_restore_test_expected_since_seconds))',
      unit: 'seconds',
      // once a week, and two days to have a failed one tried again
      threshold: { above: 9 * day },
      forSeconds: 60,
      severity: 'ticket',
      runbook: '`pgha backup verify --restore` does it now, or says why not.',
    },
    {
      name: 'RepositoryFails',
      group: 'backups',
      summary: 'Repository {{ $labels.repo_key }} cannot be read',
      query: 'max by (repo_key) (pgbackrest_repo_status)',
      unit: 'count',
      threshold: { above: 0 },
      forSeconds: 600,
      severity: 'page',
      runbook:
        '`pgbackrest info --repo={{ $labels.repo_key }}` says why: the bucket, its permissions, or the passphrase.',
    },
    {
      name: 'BackupsUnknown',
      group: 'backups',
      summary: 'Nobody knows the state of the backups',
      query: 'count(pgbackrest_stanza_status) or vector(0)',
      unit: 'count',
      threshold: { below: 1 },
      forSeconds: 900,
      severity: 'page',
      runbook:
        'Every pgBackRest exporter is silent: `journalctl -u prometheus-pgbackrest-exporter` on a database machine.',
    },
  ];
}
