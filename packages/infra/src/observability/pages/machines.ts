import type { Page } from '../page.ts';

/** The machines, and etcd with them: its health is its disks'. */
export const machinesPage: Page = {
  name: 'machines',
  title: 'pgha: machines',
  panels: [
    {
      title: 'CPU in use',
      kind: 'curve',
      unit: 'ratio',
      curves: [
        { query: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))', legend: '{{instance}}' },
      ],
    },
    {
      title: 'CPU withheld by the host',
      kind: 'curve',
      unit: 'ratio',
      curves: [{ query: 'avg by (instance) (rate(node_cpu_seconds_total{mode="steal"}[5m]))', legend: '{{instance}}' }],
    },
    {
      title: 'Memory left',
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
      title: 'Time stalled by disks',
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
          legend: '{{instance}} in, a second',
        },
        {
          query: 'sum by (instance) (rate(node_network_transmit_bytes_total{device!="lo"}[1m]))',
          legend: '{{instance}} out, a second',
        },
      ],
    },
    {
      title: 'etcd: writing its log, 99 %',
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
      title: 'etcd: database',
      kind: 'curve',
      unit: 'bytes',
      curves: [{ query: 'etcd_mvcc_db_total_size_in_bytes', legend: '{{instance}}' }],
    },
    {
      title: 'Certificates end in',
      kind: 'curve',
      unit: 'seconds',
      curves: [{ query: 'min by (instance) (pgha_certificate_not_after_seconds) - time()', legend: '{{instance}}' }],
    },
    {
      title: 'Clocks off',
      kind: 'curve',
      unit: 'seconds',
      curves: [{ query: 'abs(node_timex_offset_seconds)', legend: '{{instance}}' }],
    },
  ],
};
