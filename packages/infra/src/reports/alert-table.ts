import type { Cluster } from '../cluster/index.ts';
import type { Signal } from '../observability/signal.ts';
import { signalsOf } from '../observability/signals.ts';

/** Every alert of a cluster as sections of Markdown: what it says, when, and what to do first. */
export function renderAlertTable(cluster: Cluster): string {
  const signals = signalsOf(cluster);
  const groups = [...new Set(signals.map(({ group }) => group))];
  return groups
    .map((group) => {
      const rows = signals.filter((signal) => signal.group === group).map(renderRow);
      const name = group[0]?.toUpperCase() + group.slice(1);
      return [
        `## ${name}`,
        '',
        '| alert | when | for | severity | first action |',
        '|---|---|---|---|---|',
        ...rows,
        '',
      ].join('\n');
    })
    .join('\n');
}

function renderRow({ name, summary, threshold, unit, forSeconds, severity, runbook }: Signal): string {
  const bound =
    'above' in threshold ? `above ${figure(threshold.above, unit)}` : `below ${figure(threshold.below, unit)}`;
  // what stands in Prometheus' braces is the machine's name or the number itself
  const said = summary
    .replaceAll(/\{\{ *\$labels\.(\w+) *\}\}/g, '*$1*')
    .replaceAll(/\{\{ *\$value[^}]*\}\}/g, '*value*');
  const first = runbook.replaceAll(/\{\{ *\$labels\.(\w+) *\}\}/g, '*$1*').replaceAll('|', '\\|');
  return `| **${name}** ${said} | ${bound} | ${forSeconds} s | ${severity} | ${first} |`;
}

/** A bound as a person says it. */
function figure(value: number, unit: Signal['unit']): string {
  const day = 86_400;
  switch (unit) {
    case 'ratio':
      return `${Math.round(value * 1_000) / 10} %`;
    case 'seconds':
      return value >= day ? `${value / day} days` : value >= 3_600 ? `${value / 3_600} h` : `${value} s`;
    case 'bytes':
      return `${value / 1024 ** 2} MiB`;
    case 'per-second':
      return `${value} a second`;
    case 'count':
      return `${value}`;
  }
}
