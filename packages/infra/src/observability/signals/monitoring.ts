import type { Signal } from '../signal.ts';

/** Whoever watches is watched too. */
export const monitoringSignals: readonly Signal[] = [
  {
    name: 'ExporterDown',
    group: 'monitoring',
    summary: 'The {{ $labels.job }} exporter on {{ $labels.instance }} does not answer: its alerts are blind there',
    query: 'up{job!~"api|read-api|patroni|etcd|router"} and on (instance) (max by (instance) (up) == 1)',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 120,
    severity: 'warning',
    runbook: '`systemctl status "prometheus-*"` on the machine.',
  },
  {
    name: 'PostgresExporterLoginFailed',
    group: 'monitoring',
    summary: 'The exporter on {{ $labels.instance }} cannot log in to PostgreSQL',
    query: 'pg_up and on (instance) patroni_postgres_running == 1',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 120,
    severity: 'warning',
    runbook: 'The role "monitoring" lacks its login or its rights: `journalctl -u prometheus-postgres-exporter`.',
  },
  {
    name: 'NotificationsFailing',
    group: 'monitoring',
    summary: 'Alerts cannot be sent by {{ $labels.integration }}',
    query: 'sum by (integration) (increase(alertmanager_notifications_failed_total[10m]))',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 60,
    severity: 'critical',
    runbook:
      '`journalctl -u prometheus-alertmanager` on the monitoring machine; its role needs sns:Publish on the alert topic.',
  },
  {
    name: 'RuleEvaluationFailing',
    group: 'monitoring',
    summary: 'Prometheus cannot evaluate rules of {{ $labels.rule_group }}',
    query: 'sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[5m]))',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 60,
    severity: 'critical',
    runbook: '`journalctl -u prometheus` names the rule: two series where one was expected.',
  },
];
