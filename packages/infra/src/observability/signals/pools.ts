import { type Cluster, connectionsBesidePools, programConnectionsPerMember } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

/** Pools that are larger than what the server can serve, long before a client is refused for it. */
export function poolSignals(cluster: Cluster): readonly Signal[] {
  const pool = `pgbouncer_databases_max_connections{name="${cluster.database}"}`;
  return [
    {
      name: 'PoolsExceedMaxConnections',
      group: 'connections',
      summary:
        '{{ $labels.region }}: the connection pools together exceed max_connections ({{ $value | humanizePercentage }} of its slots)',
      meaning:
        'The pools of every PgBouncer and of both services, when all are full, need more connections than PostgreSQL serves to ordinary logins.',
      impact: 'Nothing yet. Under full load clients would be refused: "remaining connection slots are reserved".',
      query:
        `(sum by (region) (${pool} + ${programConnectionsPerMember}) + ${connectionsBesidePools(cluster)}) / on (region) min by (region) ` +
        '(pg_settings_max_connections - pg_settings_superuser_reserved_connections - pg_settings_reserved_connections)',
      unit: 'ratio',
      threshold: { above: 1 },
      forSeconds: 900,
      severity: 'warning',
      runbook:
        '`pgha apply` sizes the pools; after a change of the instance type, `pgha nodes restart` brings max_connections into force.',
      page: '../connecting.md',
    },
  ];
}
