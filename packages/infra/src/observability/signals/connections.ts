import type { Signal } from '../signal.ts';

/** The way from a client to the primary: routers, poolers, connection slots. */
export const connectionSignals: readonly Signal[] = [
  {
    name: 'HAProxyDown',
    group: 'connections',
    summary: 'The router on {{ $labels.instance }} does not answer',
    query: 'up{job="router"}',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook: 'The load balancer leaves this node out. `journalctl -u haproxy -n 50` on the machine.',
  },
  {
    name: 'HAProxyNoPrimaryBackend',
    group: 'connections',
    summary: 'The router on {{ $labels.instance }} sees no primary although there is one',
    query: 'haproxy_backend_active_servers{proxy="primary"} and on (region) (sum by (region) (patroni_primary) > 0)',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'It cannot reach the primary’s port 8008, or distrusts its certificate: `journalctl -u haproxy` says which.',
  },
  {
    name: 'PgBouncerDown',
    group: 'connections',
    summary: 'PgBouncer on {{ $labels.instance }} does not answer',
    query: 'pgbouncer_up',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook: 'The load balancer leaves this node out. `journalctl -u pgbouncer -n 50` on the machine.',
  },
  {
    name: 'PgBouncerClientsWaiting',
    group: 'connections',
    summary: 'A client of PgBouncer on {{ $labels.instance }} has waited for {{ $value | humanizeDuration }}',
    query: 'max by (instance, region) (pgbouncer_pools_client_maxwait_seconds)',
    unit: 'seconds',
    threshold: { above: 15 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'During a failover clients wait on purpose. Otherwise every server connection is busy: LongTransaction, or a pool that is too small.',
  },
  {
    name: 'PgBouncerPaused',
    group: 'connections',
    summary: 'PgBouncer on {{ $labels.instance }} is paused although there is a primary',
    query:
      'max by (instance, region) (pgbouncer_databases_paused) and on (region) (sum by (region) (patroni_primary) > 0)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 30,
    severity: 'critical',
    runbook:
      'The guard should have resumed it: `journalctl -u pgha-guard`. `RESUME` on the admin console lets the clients go on.',
  },
  {
    name: 'MaxConnectionsNearLimit',
    group: 'connections',
    summary:
      '{{ $labels.instance }}: {{ $value | humanizePercentage }} of the connection slots for ordinary logins are in use',
    // at 100 % PostgreSQL refuses every ordinary login; full pools alone stay below the threshold (connection-budget.ts)
    query:
      'sum by (instance, region) (pg_stat_activity_count) / on (instance, region) max by (instance, region) ' +
      '(pg_settings_max_connections - pg_settings_superuser_reserved_connections - pg_settings_reserved_connections)',
    unit: 'ratio',
    threshold: { above: 0.9 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      'See who holds them: `select usename, application_name, client_addr, state, count(*) from pg_stat_activity group by 1, 2, 3, 4`. ' +
      'The pools fit on their own: what exceeds them connects past PgBouncer, to 5432 or 5433, and belongs behind 6432.',
  },
];
