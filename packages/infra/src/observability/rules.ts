import { stringify } from 'yaml';
import type { Cluster } from '../cluster/index.ts';
import { recordedFigures } from './figures.ts';
import type { Signal } from './signal.ts';
import { signalsOf } from './signals.ts';

/** How often Prometheus looks at every rule; an alert needs its scrape, this and its `for` to be seen within a minute. */
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
          rules: signals.filter(({ group }) => group === name).map(renderAlert),
        })),
      ],
    },
    // a folded expression is one that nobody can search for
    { lineWidth: 0 },
  );
}

function renderAlert({ name, query, threshold, forSeconds, severity, summary, runbook }: Signal) {
  return {
    alert: name,
    expr: alertExpression(query, threshold),
    ...(forSeconds === 0 ? {} : { for: `${forSeconds}s` }),
    labels: { severity },
    annotations: { summary, runbook },
  };
}

/** PromQL that has a value for each thing that breaks its bound. */
export function alertExpression(query: string, threshold: Signal['threshold']): string {
  return 'above' in threshold ? `(${query}) > ${threshold.above}` : `(${query}) < ${threshold.below}`;
}
