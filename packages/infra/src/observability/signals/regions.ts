import type { Cluster } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

/** What keeps a region that was failed over from from starting by itself, and whether that check could work. */
export function regionSignals(cluster: Cluster): readonly Signal[] {
  if (cluster.dr === null) return [];
  return [
    {
      name: 'DrStartupBlocked',
      group: 'replication',
      summary: 'The startup gate of {{ $labels.instance }} keeps PostgreSQL from starting',
      meaning:
        'Before PostgreSQL starts, a node checks that no other region is active (region epoch, a fencing token). The check failed or could not be made.',
      impact:
        'PostgreSQL does not run on this node. In the active region, writes are unavailable; in the standby region, there is no DR copy that replicates.',
      query: 'pgha_region_gate_open',
      unit: 'count',
      threshold: { below: 1 },
      // longer than a cold start in which etcd is still finding its members
      forSeconds: 60,
      severity: 'critical',
      runbook: '`pgha dr status` shows the reason, and whether `pgha dr rejoin` or `pgha dr confirm` resolves it.',
      page: '../dr-runbook.md',
    },
    {
      name: 'DrPeerEpochUnknown',
      group: 'replication',
      summary: "{{ $labels.instance }} has not read the peer region's epoch for {{ $value | humanizeDuration }}",
      meaning: 'This node cannot read the region epoch from the etcd of the peer region.',
      impact: 'Nothing while PostgreSQL runs. A region that starts cold in this state stays blocked.',
      query: 'time() - pgha_region_peer_read_timestamp_seconds',
      unit: 'seconds',
      threshold: { above: 300 },
      forSeconds: 60,
      severity: 'warning',
      runbook:
        '`pgha dr status` shows which region is unreachable. Check the VPC peering and port 2379 of the etcd nodes there.',
      page: '../dr-runbook.md',
    },
  ];
}
