import { describe, expect, it } from 'vitest';
import { withDefaults } from '../cluster/input.ts';
import { renderConfigurationTable } from './configuration-table.ts';

const head = `# Configuration reference

Every setting of \`pgha.config.ts\`; all of them are optional. Generated from the configuration's types, defaults and rules:
\`pgha.config.example.ts\` is the file to copy, [runbook-setup.md](../runbook-setup.md) says what most people change, and
[sizing.md](../sizing.md) how to choose instance types and volumes. An invalid configuration is refused by every command, with the value
seen and the rule. \`pgha plan\` and \`pgha apply --dry-run\` show what a changed setting would do; the settings of the HTTP services are in
[.env.example](../../.env.example).
`;

describe('the reference of the configuration', () => {
  it('is what the repository has', async () => {
    await expect(`${head}\n${renderConfigurationTable()}`).toMatchFileSnapshot(
      '../../../../docs/reference/configuration.md',
    );
  });

  it('has every setting, and no rule without words', () => {
    const text = renderConfigurationTable();
    const { primary, dr, instanceTypes, volumes, patroni, backups, ...general } = withDefaults({});
    for (const section of [general, primary, dr, instanceTypes, volumes, patroni, backups]) {
      for (const key of Object.keys(section ?? {})) expect(text).toContain(`| \`${key}\` | `);
    }
    expect(text).not.toMatch(/undefined|\| +\|/);
  });
});
