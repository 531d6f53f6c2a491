import type { Signal } from '../signal.ts';

/** Settings that acknowledged commits rest on. */
export const durabilitySignals: readonly Signal[] = [
  {
    name: 'DurabilitySettingOverridden',
    group: 'database',
    summary:
      '{{ $labels.setting }} is overridden on {{ $labels.instance }} ({{ $labels.level }}: {{ $labels.where }}, value "{{ $labels.value }}"): acknowledged commits may be lost',
    meaning:
      'A durability setting such as `fsync` or `synchronous_commit` is stored with an unsafe value: in a file, in Patroni’s dynamic configuration, in PgBouncer, or for a database or a role.',
    impact: 'A commit that was acknowledged may be missing after a crash or a failover.',
    query: 'pgha_durability_override',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 0,
    severity: 'critical',
    runbook:
      '`pgha status` names it with the command that removes it: `pgha apply` for a file of the server, PgBouncer or Patroni’s dynamic configuration; `ALTER DATABASE … RESET` or `ALTER ROLE … RESET` for a value stored for a database or a role.',
    page: '../decisions/0014-durability-is-pinned-where-it-is-ours.md',
  },
];
