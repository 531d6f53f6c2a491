import type { Signal } from '../signal.ts';

/** Settings that acknowledged commits rest on. */
export const durabilitySignals: readonly Signal[] = [
  {
    name: 'DurabilitySettingOverridden',
    group: 'database',
    summary:
      '{{ $labels.setting }} is overridden on {{ $labels.instance }} ({{ $labels.level }}: {{ $labels.where }}, value "{{ $labels.value }}"): acknowledged commits may be lost',
    query: 'pgha_durability_override',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 0,
    severity: 'critical',
    runbook:
      '`pgha status` names it with the command that takes it back: `pgha apply` for what stands in a file of the server, in PgBouncer or in Patroni’s dynamic configuration; `ALTER DATABASE … RESET` or `ALTER ROLE … RESET` for what is stored for a database or a role.',
  },
];
