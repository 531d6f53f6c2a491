import type { Cluster } from '../cluster/index.ts';
import { runbookUrl } from '../observability/rules.ts';
import type { Signal } from '../observability/signal.ts';
import { signalsOf } from '../observability/signals.ts';
import { type AlertWords, alertWords } from './alert-words.ts';
import { decimalIn, type Language } from './language.ts';

/** Every alert of a cluster as sections of Markdown: what it says, when, and the first action. */
export function renderAlertTable(cluster: Cluster, language: Language = 'english'): string {
  const words = alertWords[language];
  return inGroups(cluster, words, (signals) => [
    `| ${words.columns.join(' | ')} |`,
    `|${'---|'.repeat(words.columns.length)}`,
    ...signals.map((signal) => renderRow(cluster, signal, words)),
    '',
  ]);
}

/** The page that every `runbook_url` leads to, one heading per alert. */
export function renderAlertPages(cluster: Cluster, language: Language = 'english'): string {
  const words = alertWords[language];
  return inGroups(cluster, words, (signals) => signals.flatMap((signal) => renderPage(signal, words)));
}

function inGroups(
  cluster: Cluster,
  { titles }: AlertWords,
  render: (signals: readonly Signal[]) => readonly string[],
): string {
  const signals = signalsOf(cluster);
  const groups = [...new Set(signals.map(({ group }) => group))];
  return groups
    .map((group) =>
      [`## ${titles[group]}`, '', ...render(signals.filter((signal) => signal.group === group))].join('\n'),
    )
    .join('\n');
}

function renderRow(cluster: Cluster, signal: Signal, words: AlertWords): string {
  const { name, summary, forSeconds, severity } = signal;
  const link = `../${runbookUrl({ ...cluster, documentationUrl: null }, signal).slice('docs/'.length)}`;
  const cells = [
    `**[${name}](${link})** ${readable(summary)}`,
    limitOf(signal, words),
    `${forSeconds} s`,
    severity,
    readable(words.textsOf(signal).runbook).replaceAll('|', '\\|'),
  ];
  return `| ${cells.join(' | ')} |`;
}

function renderPage(signal: Signal, words: AlertWords): readonly string[] {
  const { name, summary, severity, forSeconds, page } = signal;
  const { meaning, impact, runbook } = words.textsOf(signal);
  return [
    `### ${name}`,
    '',
    `**${severity}**, ${words.lasting(limitOf(signal, words), forSeconds)}: “${readable(summary)}”`,
    '',
    `- **${words.meaning}:** ${meaning}`,
    `- **${words.impact}:** ${impact}`,
    `- **${words.firstAction}:** ${readable(runbook)}`,
    `- **${words.runbook}:** [${page.split('/').at(-1)}](${words.linkTo(page)})`,
    '',
  ];
}

/** What Prometheus puts in place of its braces is a label of the alert, or the number itself. */
function readable(text: string): string {
  return text.replaceAll(/\{\{ *\$labels\.(\w+) *\}\}/g, '*$1*').replaceAll(/\{\{ *\$value[^}]*\}\}/g, '*value*');
}

function limitOf({ threshold, unit }: Signal, words: AlertWords): string {
  return 'above' in threshold
    ? words.above(quantity(threshold.above, unit, words))
    : words.below(quantity(threshold.below, unit, words));
}

/** A threshold as a person says it. */
function quantity(value: number, unit: Signal['unit'], { language, days, perSecond }: AlertWords): string {
  const day = 86_400;
  const written = (number: number) => decimalIn(language, `${number}`);
  switch (unit) {
    case 'ratio':
      return `${written(Math.round(value * 1_000) / 10)} %`;
    case 'seconds':
      return value >= day
        ? days(written(value / day))
        : value >= 3_600
          ? `${written(value / 3_600)} h`
          : `${written(value)} s`;
    case 'bytes':
      return `${written(value / 1024 ** 2)} MiB`;
    case 'per-second':
      return perSecond(written(value));
    case 'count':
      return written(value);
  }
}
