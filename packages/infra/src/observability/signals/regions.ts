import type { Cluster } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

/** What keeps a region that was given up from coming back by itself, and whether it could be kept. */
export function regionSignals(cluster: Cluster): readonly Signal[] {
  if (cluster.dr === null) return [];
  return [
    {
      name: 'DrStartupBlocked',
      group: 'replication',
      summary: 'The gate of {{ $labels.instance }} keeps its server from starting',
      query: 'pgha_region_gate_open',
      unit: 'count',
      threshold: { below: 1 },
      // above a cold start in which etcd is still finding its members
      forSeconds: 60,
      severity: 'critical',
      runbook: '`pgha dr status` says why, and which of `pgha dr rejoin` and `pgha dr confirm` ends it.',
    },
    {
      name: 'DrPeerEpochUnknown',
      group: 'replication',
      summary: "{{ $labels.instance }} has not read the other region's epoch for {{ $value | humanizeDuration }}",
      query: 'time() - pgha_region_peer_read_timestamp_seconds',
      unit: 'seconds',
      threshold: { above: 300 },
      forSeconds: 60,
      severity: 'warning',
      runbook:
        'The peering, and port 2379 of the other region. Until it is read, a region that starts cold stays closed.',
    },
  ];
}
