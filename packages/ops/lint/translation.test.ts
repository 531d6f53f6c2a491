import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { differencesOf, translationOf } from './translation.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string | null =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : null;
const translated = readdirSync(join(root, 'docs/pt-BR'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
/** Every English page, except the records of decisions: those are written once, for who changes the product. */
const originals = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md') && !/^(?:pt-BR|decisions)\//.test(name))
  .map((name) => `docs/${name}`);

describe('the Portuguese pages', () => {
  it.each(translated)('say what %s says', (path) => {
    expect(differencesOf(path, read)).toEqual([]);
  });

  it('are there for every English page', () => {
    expect(originals.filter((path) => read(translationOf(path)) === null)).toEqual([]);
  });
});

describe('the comparison of a page with its translation', () => {
  const english = [
    '# Lag',
    '',
    '[Português do Brasil](pt-BR/lag.md)',
    '',
    'It lags by 1.5 s, see `pgha status` and [more](#more). [Other](other.md) has [the rest](other.md#end).',
    '',
    '```sh',
    'pgha status    # shows it',
    '```',
    '',
    '## More',
    '',
    '| message | action |',
    '|---|---|',
    '| *no candidate is available* | wait 10 s |',
    '',
  ].join('\n');
  const portuguese = [
    '# Atraso',
    '',
    '[English](../lag.md)',
    '',
    'O atraso é de 1,5 s, veja `pgha status` e [mais](#mais). [A outra](other.md) tem [o resto](other.md#fim).',
    '',
    '```sh',
    'pgha status    # mostra o atraso',
    '```',
    '',
    '## Mais',
    '',
    '| mensagem | ação |',
    '|---|---|',
    '| *no candidate is available* | espere 10 s |',
    '',
  ].join('\n');
  const others: Readonly<Record<string, string>> = {
    'docs/other.md': '# Other\n\n## End\n',
    'docs/pt-BR/other.md': '# Outra\n\n## Fim\n',
  };
  const differences = (text: string) =>
    differencesOf('docs/lag.md', (path) =>
      path === 'docs/lag.md' ? english : path === 'docs/pt-BR/lag.md' ? text : (others[path] ?? null),
    );
  /** The differences after one change of the translation. */
  const changed = (from: string, to: string) => {
    expect(portuguese).toContain(from);
    return differences(portuguese.replace(from, to));
  };

  it('finds none where only the words differ', () => {
    expect(differences(portuguese)).toEqual([]);
  });

  it('finds a heading of another level', () => {
    expect(changed('## Mais', '### Mais')).toEqual(['heading levels: ## in English, ### in Portuguese']);
  });

  it('finds another command, whatever its comment says', () => {
    expect(changed('pgha status    #', 'pgha dr status    #')).toEqual([
      'code blocks: pgha status in English, pgha dr status in Portuguese',
    ]);
  });

  it('finds a row that is missing, with the numbers and the message in it', () => {
    expect(changed('| *no candidate is available* | espere 10 s |\n', '')).toEqual([
      'rows × columns of tables: 2 2 2 in English, 2 2 in Portuguese',
      'numbers of section 2: 10 in English, nothing in Portuguese',
      'the message "no candidate is available" is not quoted',
    ]);
  });

  it('finds another number, and a decimal point', () => {
    expect(changed('1,5 s', '1,6 s')).toEqual(['numbers of section 1: 1.5 in English, 1.6 in Portuguese']);
    expect(changed('1,5 s', '1.5 s')).toEqual(['"1.5" has a decimal point']);
  });

  it('finds a name in backticks and a message that were translated', () => {
    expect(changed('veja `pgha status`', 'veja `pgha estado`')).toEqual([
      'names in backticks: pgha status in English, pgha estado in Portuguese',
    ]);
    expect(changed('no candidate is available', 'não há candidato')).toEqual([
      'the message "no candidate is available" is not quoted',
    ]);
  });

  it('finds a link to the English page where there is a Portuguese one', () => {
    expect(changed('[A outra](other.md)', '[A outra](../other.md)')).toEqual([
      'links: docs/pt-BR/lag.md heading 1 in English, docs/other.md in Portuguese',
    ]);
  });

  it('finds a link to a heading that the page does not have', () => {
    expect(changed('other.md#fim', 'other.md#end')).toEqual([
      'links: docs/pt-BR/other.md heading 1 in English, docs/pt-BR/other.md#end, which it does not have in Portuguese',
    ]);
  });

  it('finds a page without the line that leads to the other language', () => {
    expect(changed('[English](../lag.md)\n', '')).toEqual([
      'language lines: docs/lag.md in English, no link in Portuguese',
    ]);
  });

  it('leaves the labels of a diagram to the translation, not its arrows', () => {
    const page = (label: string, arrow: string, line: string) =>
      `# A\n\n${line}\n\n\`\`\`mermaid\na["${label}"] ${arrow} b\n\`\`\`\n`;
    const pages = (arrow: string) => (path: string) =>
      path === 'docs/a.md'
        ? page('primary', '-->', '[Português do Brasil](pt-BR/a.md)')
        : path === 'docs/pt-BR/a.md'
          ? page('primário', arrow, '[English](../a.md)')
          : null;
    expect(differencesOf('docs/a.md', pages('-->'))).toEqual([]);
    expect(differencesOf('docs/a.md', pages('---'))).toHaveLength(1);
  });

  it('finds a page without its English one', () => {
    expect(differencesOf('docs/none.md', () => null)).toEqual(['docs/none.md is missing']);
  });
});
