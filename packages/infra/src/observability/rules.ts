import { stringify } from 'yaml';
import type { Cluster } from '../cluster/index.ts';
import { recordedFigures } from './figures.ts';
import type { Signal } from './signal.ts';
import { signalsOf } from './signals.ts';

/** How often Prometheus evaluates every rule; an alert needs its scrape, this and its `for` to be seen within a minute. */
export const evaluationSeconds = 10;

/** Prometheus' rule file: the recorded figures first, because the alerts of the same round use them. */
export function renderRules(cluster: Cluster): string {
  const signals = signalsOf(cluster);
  const groups = [...new Set(signals.map(({ group }) => group))];
  return stringify(
    {
      groups: [
        {
          name: 'figures',
          rules: recordedFigures.map(({ name, query }) => ({ record: name, expr: query })),
        },
        ...groups.map((name) => ({
          name,
          rules: signals.filter(({ group }) => group === name).map((signal) => renderAlert(cluster, signal)),
        })),
      ],
    },
    // a folded expression is one that nobody can search for
    { lineWidth: 0 },
  );
}

/** Where an alert's heading in docs/runbooks/alerts.md is. */
export function runbookUrl({ documentationUrl }: Cluster, { name }: Pick<Signal, 'name'>): string {
  // GitHub and its like make a heading's anchor by lower-casing it
  return `${documentationUrl ?? 'docs'}/runbooks/alerts.md#${name.toLowerCase()}`;
}

function renderAlert(cluster: Cluster, signal: Signal) {
  const { name, query, threshold, forSeconds, severity, summary, impact, runbook } = signal;
  return {
    alert: name,
    expr: alertExpression(query, threshold),
    ...(forSeconds === 0 ? {} : { for: `${forSeconds}s` }),
    labels: { severity },
    annotations: { summary, impact, runbook, runbook_url: runbookUrl(cluster, signal) },
  };
}

/** PromQL that has a value for each thing beyond its threshold. */
export function alertExpression(query: string, threshold: Signal['threshold']): string {
  return 'above' in threshold ? `(${query}) > ${threshold.above}` : `(${query}) < ${threshold.below}`;
}
