import { describe, expect, it } from 'vitest';
import { withDefaults } from '../cluster/input.ts';
import { renderConfigurationTable } from './configuration-table.ts';
import type { Language } from './language.ts';

const heads: Readonly<Record<Language, string>> = {
  english: `# Configuration reference

[Português do Brasil](../pt-BR/reference/configuration.md)

Every setting of \`pgha.config.ts\`; all of them are optional. Generated from the configuration's types, defaults and rules:
\`pgha.config.example.ts\` is the file to copy, [runbook-setup.md](../runbook-setup.md) says what most people change, and
[sizing.md](../sizing.md) how to choose instance types and volumes. An invalid configuration is refused by every command, with the value
seen and the rule. \`pgha plan\` and \`pgha apply --dry-run\` show what a changed setting would do; the settings of the HTTP services are in
[.env.example](../../.env.example).
`,
  portuguese: `# Referência da configuração

[English](../../reference/configuration.md)

Todas as configurações de \`pgha.config.ts\`; todas são opcionais. Gerada a partir dos tipos, padrões e regras da configuração:
\`pgha.config.example.ts\` é o arquivo a copiar, [runbook-setup.md](../runbook-setup.md) diz o que a maioria altera, e
[sizing.md](../sizing.md) como escolher tipos de instância e volumes. Todo comando recusa uma configuração inválida, com o valor
encontrado e a regra; as regras aparecem aqui como os comandos as imprimem, em inglês. \`pgha plan\` e \`pgha apply --dry-run\` mostram o que
uma configuração alterada faria; as configurações dos serviços HTTP estão em [.env.example](../../../.env.example).
`,
};

const pages: Readonly<Record<Language, string>> = {
  english: '../../../../docs/reference/configuration.md',
  portuguese: '../../../../docs/pt-BR/reference/configuration.md',
};

describe('the reference of the configuration', () => {
  it.each(['english', 'portuguese'] as const)('is what the repository has in %s', async (language) => {
    const text = `${heads[language]}\n${renderConfigurationTable(language)}`;
    await expect(text).toMatchFileSnapshot(pages[language]);
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
