import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { defineCluster } from '../cluster/index.ts';
import { renderRules } from '../observability/rules.ts';
import { signalsOf } from '../observability/signals.ts';
import { renderAlertPages, renderAlertTable } from './alert-table.ts';
import { alertWords } from './alert-words.ts';
import type { Language } from './language.ts';
import { alertTexts } from './portuguese/alerts.ts';

/** Three nodes and a second region: everything that can be monitored. */
const cluster = defineCluster({ primary: { postgres: 3 } });

const tableHeads: Readonly<Record<Language, string>> = {
  english: `# Alerts

[Português do Brasil](../pt-BR/reference/alerts.md)

Generated from the signals that Prometheus' rules are made of. \`critical\`: act now. \`warning\`: act within days. Each name leads
to its meaning and impact.

`,
  portuguese: `# Alertas

[English](../../reference/alerts.md)

Gerado a partir dos sinais de que são feitas as regras do Prometheus. \`critical\`: aja agora. \`warning\`: aja nos próximos dias. Cada
nome leva ao significado e ao impacto. A mensagem depois do nome está como na notificação, em inglês.

`,
};

const pageHeads: Readonly<Record<Language, string>> = {
  english: `# Alert reference

[Português do Brasil](../pt-BR/runbooks/alerts.md)

One heading per alert; the annotation \`runbook_url\` of an alert leads to it. Generated from the signals that Prometheus' rules are
made of. \`critical\`: act now. \`warning\`: act within days. An expression in italics stands for a label of the alert, such as the
node. Commands that begin with \`pgha\` run on your computer, SQL with \`pgha connect\`, the others on the node that the alert names.

`,
  portuguese: `# Referência de alertas

[English](../../runbooks/alerts.md)

Um título por alerta; a anotação \`runbook_url\` de um alerta leva a ele. Gerado a partir dos sinais de que são feitas as regras do
Prometheus. \`critical\`: aja agora. \`warning\`: aja nos próximos dias. A mensagem entre aspas está como na notificação, em inglês; uma
expressão em itálico representa um rótulo do alerta, por exemplo o nó. Comandos que começam com \`pgha\` são executados no seu
computador, SQL com \`pgha connect\`, os outros no nó que o alerta aponta.

`,
};

/** The folder of a language's pages. */
const folders: Readonly<Record<Language, string>> = {
  english: '../../../../docs',
  portuguese: '../../../../docs/pt-BR',
};
const languages = ['english', 'portuguese'] as const;

describe('the reference of alerts', () => {
  it.each(languages)('is what the repository has in %s', async (language) => {
    const text = `${tableHeads[language]}${renderAlertTable(cluster, language)}`;
    await expect(text).toMatchFileSnapshot(`${folders[language]}/reference/alerts.md`);
  });

  it.each(languages)('has every alert once in %s', (language) => {
    const text = renderAlertTable(cluster, language);
    for (const { name } of signalsOf(cluster)) expect(text.split(`| **[${name}]`)).toHaveLength(2);
  });
});

describe('the page that alerts lead to', () => {
  const textIn = (language: Language) => `${pageHeads[language]}${renderAlertPages(cluster, language)}`;

  it.each(languages)('is what the repository has in %s', async (language) => {
    await expect(textIn(language)).toMatchFileSnapshot(`${folders[language]}/runbooks/alerts.md`);
  });

  it('is translated for the alerts that there are, and no other', () => {
    const translated = Object.entries(alertTexts).flatMap(([group, texts]) =>
      Object.keys(texts).map((name) => `${group} ${name}`),
    );
    expect(translated.toSorted()).toEqual(
      signalsOf(cluster)
        .map(({ group, name }) => `${group} ${name}`)
        .toSorted(),
    );
  });

  // a base of `documentationUrl` for either language: both have the same headings
  it.each(languages)('has the heading that each runbook_url names, once, in %s', (language) => {
    const text = textIn(language);
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title.toLowerCase());
    const groups: readonly { rules: readonly { alert?: string; annotations?: Record<string, string> }[] }[] = parse(
      renderRules(cluster),
    ).groups;
    const urls = groups.flatMap(({ rules }) => rules.flatMap(({ annotations }) => annotations?.['runbook_url'] ?? []));
    expect(urls).toHaveLength(signalsOf(cluster).length);
    for (const url of urls) {
      const [page, anchor] = url.split('#');
      expect(page).toBe('docs/runbooks/alerts.md');
      expect(anchors.filter((each) => each === anchor)).toHaveLength(1);
    }
  });

  it('leads from each alert to a page that exists', () => {
    for (const language of languages) {
      for (const { name, page } of signalsOf(cluster)) {
        const target = `${folders[language]}/runbooks/${alertWords[language].linkTo(page)}`;
        expect(existsSync(new URL(target, import.meta.url)), `${name}: ${target}`).toBe(true);
      }
    }
  });

  it('is where the setting says that the documentation is published', () => {
    const documentationUrl = 'https://example.com/pgha/docs';
    expect(renderRules(defineCluster({ documentationUrl }))).toContain(
      `runbook_url: ${documentationUrl}/runbooks/alerts.md#noprimary\n`,
    );
  });
});
