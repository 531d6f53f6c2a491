import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { defineCluster } from '../cluster/index.ts';
import { renderRules } from '../observability/rules.ts';
import { signalsOf } from '../observability/signals.ts';
import { renderAlertPages, renderAlertTable } from './alert-table.ts';

/** Three nodes and a second region: everything that can be monitored. */
const cluster = defineCluster({ primary: { postgres: 3 } });

const tableHead = `# Alerts

Generated from the signals that Prometheus' rules are made of. \`critical\`: act now. \`warning\`: act within days. Each name leads
to its meaning and impact.

`;

const pagesHead = `# Alert reference

One heading per alert; the annotation \`runbook_url\` of an alert leads to it. Generated from the signals that Prometheus' rules are
made of. \`critical\`: act now. \`warning\`: act within days. An expression in italics stands for a label of the alert, such as the
node. Commands that begin with \`pgha\` run on your computer, SQL with \`pgha connect\`, the others on the node that the alert names.

`;

describe('the reference of alerts', () => {
  it('is what the repository has', async () => {
    const text = `${tableHead}${renderAlertTable(cluster)}`;
    await expect(text).toMatchFileSnapshot('../../../../docs/reference/alerts.md');
  });

  it('has every alert once', () => {
    const text = renderAlertTable(cluster);
    for (const { name } of signalsOf(cluster)) expect(text.split(`| **[${name}]`)).toHaveLength(2);
  });
});

describe('the page that alerts lead to', () => {
  const text = `${pagesHead}${renderAlertPages(cluster)}`;

  it('is what the repository has', async () => {
    await expect(text).toMatchFileSnapshot('../../../../docs/runbooks/alerts.md');
  });

  it('has the heading that each runbook_url names, once', () => {
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
    for (const { name, page } of signalsOf(cluster)) {
      expect(existsSync(new URL(`../../../../docs/runbooks/${page}`, import.meta.url)), `${name}: ${page}`).toBe(true);
    }
  });

  it('is where the setting says that the documentation is published', () => {
    const documentationUrl = 'https://example.com/pgha/docs';
    expect(renderRules(defineCluster({ documentationUrl }))).toContain(
      `runbook_url: ${documentationUrl}/runbooks/alerts.md#noprimary\n`,
    );
  });
});
