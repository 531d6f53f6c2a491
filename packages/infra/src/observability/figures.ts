import type { RecordedFigure } from './signal.ts';

/** One minute holds six scrapes: short enough to see a failover, long enough that one lost scrape does not matter. */
const window = '1m';

const answered = 'http_request_duration_seconds';
const isLeading = '(patroni_primary == 1 or patroni_standby_leader == 1)';

const usedOf = (free: string, all: string) =>
  `(1 - node_filesystem_${free}{fstype=~"ext4|xfs"} / node_filesystem_${all}{fstype=~"ext4|xfs"})`;

/** Figures computed once and used by signals and panels. */
export const recordedFigures: readonly RecordedFigure[] = [
  { name: 'job:http_requests:rate1m', query: `sum by (job) (rate(${answered}_count[${window}]))` },
  {
    name: 'job:http_errors:ratio1m',
    // a service that has not failed yet has no such series: its ratio is 0, not unknown
    query: `(sum by (job) (rate(${answered}_count{status=~"5.."}[${window}])) or 0 * sum by (job) (rate(${answered}_count[${window}]))) / (sum by (job) (rate(${answered}_count[${window}])) > 0)`,
  },
  {
    name: 'job:http_duration_seconds:p99_1m',
    query: `histogram_quantile(0.99, sum by (job, le) (rate(${answered}_bucket[${window}])))`,
  },
  {
    name: 'instance:replication_lag_bytes:current',
    // one primary writes; everybody who is not it has replayed up to somewhere behind it
    query: `clamp_min(scalar(max(patroni_xlog_location and on (instance) patroni_primary == 1)) - (patroni_xlog_replayed_location unless on (instance) patroni_primary == 1), 0)`,
  },
  {
    name: 'region:members_leading:count',
    query: `sum by (region) (patroni_primary + patroni_standby_leader)`,
  },
  {
    name: 'region:members_synchronous:count',
    query: `sum by (region) (patroni_sync_standby + patroni_quorum_standby)`,
  },
  {
    name: 'instance:disk_used:ratio',
    // of bytes or of inodes, whichever there are fewer of; a file system that counts no inodes has no such ratio
    query: `(${usedOf('avail_bytes', 'size_bytes')} > ${usedOf('files_free', 'files')}) or ${usedOf('files_free', 'files')} or ${usedOf('avail_bytes', 'size_bytes')}`,
  },
  {
    name: 'instance:memory_available:ratio',
    query: `node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes`,
  },
  {
    name: 'instance:archive_age_seconds:leading',
    query: `pg_stat_archiver_last_archive_age and on (instance) ${isLeading}`,
  },
];
