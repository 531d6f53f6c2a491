import type { Cluster } from '../../cluster/index.ts';
import type { Page } from '../page.ts';

/** Is everything healthy, and if not, since when: what is opened first. */
export function overviewPage(cluster: Cluster): Page {
  return {
    name: 'overview',
    title: 'pgha: overview',
    panels: [
      {
        title: 'Primary',
        kind: 'number',
        unit: 'count',
        curves: [{ query: 'patroni_primary == 1', legend: '{{instance}}' }],
      },
      {
        title: 'Synchronous standbys',
        kind: 'number',
        unit: 'count',
        curves: [{ query: 'region:members_synchronous:count{region="primary"}', legend: 'standbys' }],
      },
      {
        title: 'Firing alerts',
        kind: 'number',
        unit: 'count',
        curves: [{ query: 'count(ALERTS{alertstate="firing"}) or vector(0)', legend: 'firing' }],
      },
      {
        title: 'Age of the last backup',
        kind: 'number',
        unit: 'seconds',
        curves: [{ query: 'min(pgbackrest_backup_since_last_completion_seconds{backup_type="incr"})', legend: 'any' }],
      },
      {
        title: 'Age of the last archived WAL segment',
        kind: 'number',
        unit: 'seconds',
        curves: [{ query: 'max(instance:archive_age_seconds:leading)', legend: 'archive' }],
      },
      {
        title: 'Nodes up',
        kind: 'number',
        unit: 'count',
        curves: [{ query: 'sum(up{job="node"})', legend: 'nodes' }],
      },
      {
        title: 'Requests per second',
        kind: 'curve',
        unit: 'per-second',
        curves: [{ query: 'job:http_requests:rate1m', legend: '{{job}}' }],
      },
      {
        title: 'HTTP 5xx rate',
        kind: 'curve',
        unit: 'ratio',
        curves: [{ query: 'job:http_errors:ratio1m', legend: '{{job}}' }],
      },
      {
        title: 'Request latency (p99)',
        kind: 'curve',
        unit: 'seconds',
        curves: [{ query: 'job:http_duration_seconds:p99_1m', legend: '{{job}}' }],
      },
      {
        title: 'Replication lag',
        kind: 'curve',
        unit: 'bytes',
        curves: [{ query: 'instance:replication_lag_bytes:current', legend: '{{instance}}' }],
      },
      {
        title: 'Current primary',
        kind: 'curve',
        unit: 'count',
        curves: [
          { query: 'patroni_primary', legend: '{{instance}}' },
          ...(cluster.dr === null
            ? []
            : [{ query: 'patroni_standby_leader', legend: '{{instance}} (standby leader, DR region)' }]),
        ],
      },
      {
        title: 'Firing alerts by name',
        kind: 'curve',
        unit: 'count',
        curves: [{ query: 'sum by (alertname) (ALERTS{alertstate="firing"})', legend: '{{alertname}}' }],
      },
    ],
  };
}
