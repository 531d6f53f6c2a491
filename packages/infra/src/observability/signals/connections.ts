import type { Signal } from '../signal.ts';

/** The way from a client to the primary: HAProxy, PgBouncer, connection slots. */
export const connectionSignals: readonly Signal[] = [
  {
    name: 'HAProxyDown',
    group: 'connections',
    summary: 'HAProxy on {{ $labels.instance }} is not responding',
    meaning: 'Prometheus gets no metrics from HAProxy on this node.',
    impact: 'The load balancer sends no connections for 5432 and 5433 to this node; the other nodes serve them.',
    query: 'up{job="router"}',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook: 'On the node: `journalctl -u haproxy -n 50` shows why it stopped; `systemctl restart haproxy` starts it.',
    page: 'nodes.md',
  },
  {
    name: 'HAProxyNoPrimaryBackend',
    group: 'connections',
    summary: 'HAProxy on {{ $labels.instance }} has no primary as backend, although there is one',
    meaning:
      'The health check of HAProxy (port 8008, `/primary`) fails for every member, while Patroni reports a primary.',
    impact: 'Connections to 5432 through this node fail.',
    query: 'haproxy_backend_active_servers{proxy="primary"} and on (region) (sum by (region) (patroni_primary) > 0)',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'Port 8008 of the primary is unreachable from this node, or its certificate is not trusted: `journalctl -u haproxy -n 50` shows which.',
    page: 'certificates.md',
  },
  {
    name: 'PgBouncerDown',
    group: 'connections',
    summary: 'PgBouncer on {{ $labels.instance }} is not responding',
    meaning: 'The exporter cannot query PgBouncer’s admin console on this node.',
    impact: 'The load balancer sends no connections for 6432 to this node; the other nodes serve them.',
    query: 'pgbouncer_up',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'On the node: `journalctl -u pgbouncer -n 50` shows why it stopped; `systemctl restart pgbouncer` starts it.',
    page: 'nodes.md',
  },
  {
    name: 'PgBouncerClientsWaiting',
    group: 'connections',
    summary: 'A client of PgBouncer on {{ $labels.instance }} has waited for {{ $value | humanizeDuration }}',
    meaning: 'The longest wait of a client for a server connection (`maxwait` of `SHOW POOLS`).',
    impact: 'Statements through 6432 are delayed, and fail after `query_wait_timeout`.',
    query: 'max by (instance, region) (pgbouncer_pools_client_maxwait_seconds)',
    unit: 'seconds',
    threshold: { above: 15 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'During a failover clients wait by design: `pgha status` shows one. Otherwise every server connection is in use: LongTransaction, or a pool that is too small.',
    page: '../connecting.md',
  },
  {
    name: 'PgBouncerPaused',
    group: 'connections',
    summary: 'PgBouncer on {{ $labels.instance }} is paused although there is a primary',
    meaning: 'PgBouncer is paused while there is no primary; here it was not resumed afterwards.',
    impact: 'Clients of 6432 on this node wait until it is resumed.',
    query:
      'max by (instance, region) (pgbouncer_databases_paused) and on (region) (sum by (region) (patroni_primary) > 0)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 30,
    severity: 'critical',
    runbook:
      'pgha-guard should have resumed it: `journalctl -u pgha-guard -n 50`, then `systemctl restart pgha-guard`. `RESUME` on PgBouncer’s admin console resumes it by hand.',
    page: 'switchover.md',
  },
  {
    name: 'MaxConnectionsNearLimit',
    group: 'connections',
    summary:
      '{{ $labels.instance }}: {{ $value | humanizePercentage }} of the connection slots for ordinary logins are in use',
    meaning: 'Connections in use, compared with `max_connections` without its reserved slots.',
    impact: 'At 100 % PostgreSQL refuses every ordinary login: "remaining connection slots are reserved".',
    // full pools alone stay below the threshold (connection-budget.ts)
    query:
      'sum by (instance, region) (pg_stat_activity_count) / on (instance, region) max by (instance, region) ' +
      '(pg_settings_max_connections - pg_settings_superuser_reserved_connections - pg_settings_reserved_connections)',
    unit: 'ratio',
    threshold: { above: 0.9 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      'List them: `select usename, application_name, client_addr, state, count(*) from pg_stat_activity group by 1, 2, 3, 4`. ' +
      'The pools fit on their own: clients that exceed them connect directly to 5432 or 5433 and belong behind PgBouncer (6432).',
    page: '../connecting.md',
  },
];
