import type { Cluster } from '../cluster/index.ts';
import { runbookUrl } from '../observability/rules.ts';
import type { Signal } from '../observability/signal.ts';
import { signalsOf } from '../observability/signals.ts';

/** Every alert of a cluster as sections of Markdown: what it says, when, and the first action. */
export function renderAlertTable(cluster: Cluster): string {
  return inGroups(cluster, (signals) => [
    '| alert | when | for | severity | first action |',
    '|---|---|---|---|---|',
    ...signals.map((signal) => renderRow(cluster, signal)),
    '',
  ]);
}

/** The page that every `runbook_url` leads to, one heading per alert. */
export function renderAlertPages(cluster: Cluster): string {
  return inGroups(cluster, (signals) => signals.flatMap(renderPage));
}

function inGroups(cluster: Cluster, render: (signals: readonly Signal[]) => readonly string[]): string {
  const signals = signalsOf(cluster);
  const groups = [...new Set(signals.map(({ group }) => group))];
  return groups
    .map((group) =>
      [`## ${titles[group]}`, '', ...render(signals.filter((signal) => signal.group === group))].join('\n'),
    )
    .join('\n');
}

const titles: Readonly<Record<Signal['group'], string>> = {
  service: 'Services',
  database: 'Database',
  replication: 'Replication',
  connections: 'Connections',
  etcd: 'etcd',
  backups: 'Backups',
  machines: 'Nodes',
  monitoring: 'Monitoring',
};

function renderRow(cluster: Cluster, signal: Signal): string {
  const { name, summary, threshold, unit, forSeconds, severity, runbook } = signal;
  const link = `../${runbookUrl({ ...cluster, documentationUrl: null }, signal).slice('docs/'.length)}`;
  const cells = [
    `**[${name}](${link})** ${readable(summary)}`,
    limitOf(threshold, unit),
    `${forSeconds} s`,
    severity,
    readable(runbook).replaceAll('|', '\\|'),
  ];
  return `| ${cells.join(' | ')} |`;
}

function renderPage(signal: Signal): readonly string[] {
  const { name, summary, meaning, impact, runbook, severity, threshold, unit, forSeconds, page } = signal;
  return [
    `### ${name}`,
    '',
    `**${severity}**, ${limitOf(threshold, unit)} for ${forSeconds} s: “${readable(summary)}”`,
    '',
    `- **Meaning:** ${meaning}`,
    `- **Impact:** ${impact}`,
    `- **First action:** ${readable(runbook)}`,
    `- **Runbook:** [${page.split('/').at(-1)}](${page})`,
    '',
  ];
}

/** What Prometheus puts in place of its braces is a label of the alert, or the number itself. */
function readable(text: string): string {
  return text.replaceAll(/\{\{ *\$labels\.(\w+) *\}\}/g, '*$1*').replaceAll(/\{\{ *\$value[^}]*\}\}/g, '*value*');
}

function limitOf(threshold: Signal['threshold'], unit: Signal['unit']): string {
  return 'above' in threshold ? `above ${quantity(threshold.above, unit)}` : `below ${quantity(threshold.below, unit)}`;
}

/** A threshold as a person says it. */
function quantity(value: number, unit: Signal['unit']): string {
  const day = 86_400;
  switch (unit) {
    case 'ratio':
      return `${Math.round(value * 1_000) / 10} %`;
    case 'seconds':
      return value >= day ? `${value / day} days` : value >= 3_600 ? `${value / 3_600} h` : `${value} s`;
    case 'bytes':
      return `${value / 1024 ** 2} MiB`;
    case 'per-second':
      return `${value} per second`;
    case 'count':
      return `${value}`;
  }
}
