import { describe, expect, it } from 'vitest';
import { defineCluster } from '../cluster/index.ts';
import { signalsOf } from '../observability/signals.ts';
import { renderAlertTable } from './alert-table.ts';

/** Three nodes and a second region: everything that can be watched. */
const cluster = defineCluster({ primary: { postgres: 3 } });

describe('the reference of alerts', () => {
  it('is what the repository has', async () => {
    const text = `# Alerts\n\nGenerated from the signals that Prometheus' rules are made of. \`critical\`: act now. \`warning\`: act within days.\n\n${renderAlertTable(cluster)}`;
    await expect(text).toMatchFileSnapshot('../../../../docs/reference/alerts.md');
  });

  it('has every alert once', () => {
    const text = renderAlertTable(cluster);
    for (const { name } of signalsOf(cluster)) expect(text.split(`| **${name}** `)).toHaveLength(2);
  });
});
