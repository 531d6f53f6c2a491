import type { Page } from '../page.ts';

/** The nodes, and etcd with them: its health is its disks'. */
export const machinesPage: Page = {
  name: 'machines',
  title: 'pgha: nodes',
  panels: [
    {
      title: 'CPU utilization',
      kind: 'curve',
      unit: 'ratio',
      curves: [
        { query: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))', legend: '{{instance}}' },
      ],
    },
    {
      title: 'CPU steal',
      kind: 'curve',
      unit: 'ratio',
      curves: [{ query: 'avg by (instance) (rate(node_cpu_seconds_total{mode="steal"}[5m]))', legend: '{{instance}}' }],
    },
    {
      title: 'Memory available',
      kind: 'curve',
      unit: 'ratio',
      curves: [{ query: 'instance:memory_available:ratio', legend: '{{instance}}' }],
    },
    {
      title: 'Disk used',
      kind: 'curve',
      unit: 'ratio',
      curves: [{ query: 'instance:disk_used:ratio', legend: '{{instance}} {{mountpoint}}' }],
    },
    {
      title: 'Disk I/O pressure',
      kind: 'curve',
      unit: 'ratio',
      curves: [{ query: 'rate(node_pressure_io_stalled_seconds_total[1m])', legend: '{{instance}}' }],
    },
    {
      title: 'Network',
      kind: 'curve',
      unit: 'bytes',
      curves: [
        {
          query: 'sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[1m]))',
          legend: '{{instance}} in, per second',
        },
        {
          query: 'sum by (instance) (rate(node_network_transmit_bytes_total{device!="lo"}[1m]))',
          legend: '{{instance}} out, per second',
        },
      ],
    },
    {
      title: 'etcd WAL fsync (p99)',
      kind: 'curve',
      unit: 'seconds',
      curves: [
        {
          query:
            'histogram_quantile(0.99, sum by (instance, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[1m])))',
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'etcd database size',
      kind: 'curve',
      unit: 'bytes',
      curves: [{ query: 'etcd_mvcc_db_total_size_in_bytes', legend: '{{instance}}' }],
    },
    {
      title: 'Certificate expiry',
      kind: 'curve',
      unit: 'seconds',
      curves: [{ query: 'min by (instance) (pgha_certificate_not_after_seconds) - time()', legend: '{{instance}}' }],
    },
    {
      title: 'Clock offset',
      kind: 'curve',
      unit: 'seconds',
      curves: [{ query: 'abs(node_timex_offset_seconds)', legend: '{{instance}}' }],
    },
  ],
};
