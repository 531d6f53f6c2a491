import type { Signal } from '../observability/signal.ts';
import type { Language } from './language.ts';
import { type AlertTexts, alertTexts } from './portuguese/alerts.ts';

/** What the pages about alerts say besides the signals themselves. */
export interface AlertWords {
  language: Language;
  titles: Readonly<Record<Signal['group'], string>>;
  /** The columns of the table. */
  columns: readonly string[];
  above: (quantity: string) => string;
  below: (quantity: string) => string;
  /** A condition with the time that it has to last before the alert fires. */
  lasting: (condition: string, seconds: number) => string;
  days: (count: string) => string;
  perSecond: (count: string) => string;
  meaning: string;
  impact: string;
  firstAction: string;
  runbook: string;
  textsOf: (signal: Signal) => AlertTexts;
  /** Where a page that is given relative to docs/runbooks is, from the page of this language. */
  linkTo: (page: Signal['page']) => string;
}

export const alertWords: Readonly<Record<Language, AlertWords>> = {
  english: {
    language: 'english',
    titles: {
      service: 'Services',
      database: 'Database',
      replication: 'Replication',
      connections: 'Connections',
      etcd: 'etcd',
      backups: 'Backups',
      machines: 'Nodes',
      monitoring: 'Monitoring',
    },
    columns: ['alert', 'when', 'for', 'severity', 'first action'],
    above: (quantity) => `above ${quantity}`,
    below: (quantity) => `below ${quantity}`,
    lasting: (condition, seconds) => (seconds === 0 ? `${condition}, at once` : `${condition} for ${seconds} s`),
    days: (count) => `${count} days`,
    perSecond: (count) => `${count} per second`,
    meaning: 'Meaning',
    impact: 'Impact',
    firstAction: 'First action',
    runbook: 'Runbook',
    textsOf: (signal) => signal,
    linkTo: (page) => page,
  },
  portuguese: {
    language: 'portuguese',
    titles: {
      service: 'Serviços',
      database: 'Banco de dados',
      replication: 'Replicação',
      connections: 'Conexões',
      etcd: 'etcd',
      backups: 'Backups',
      machines: 'Nós',
      monitoring: 'Monitoramento',
    },
    columns: ['alerta', 'quando', 'duração', 'severidade', 'primeira ação'],
    above: (quantity) => `acima de ${quantity}`,
    below: (quantity) => `abaixo de ${quantity}`,
    lasting: (condition, seconds) => (seconds === 0 ? `${condition}, imediatamente` : `${condition} por ${seconds} s`),
    days: (count) => `${count} dias`,
    perSecond: (count) => `${count} por segundo`,
    meaning: 'Significado',
    impact: 'Impacto',
    firstAction: 'Primeira ação',
    runbook: 'Runbook',
    textsOf({ group, name }) {
      const texts = alertTexts[group][name];
      if (texts === undefined) throw new Error(`portuguese/alerts.ts has no texts of the alert ${name} (${group})`);
      return texts;
    },
    // the decisions are in English only
    linkTo: (page) => page.replace(/^\.\.\/decisions\//, '../../decisions/'),
  },
};
