import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findMistakes, wordsBehindPgha } from '../../test/command-line.ts';
import { loadCommands } from '../../test/command-tree.ts';
import { blocksOf, codeSpansOf, commandLinesOf, headingsOf, localLinksOf } from '../../test/markdown.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const pages = [
  'README.md',
  'README.pt-BR.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].filter((name) => existsSync(join(root, name)));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

const { program } = await loadCommands();

/** The shortcuts of package.json that lead to the program. */
const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };

/** What is wrong with the commands of a page, each with the line that has it. */
function mistakesOn(page: string): readonly string[] {
  const lines = blocksOf(page)
    .filter(({ language }) => language === 'sh' || language === 'text')
    .flatMap((block) => commandLinesOf(block).map((line) => ({ line, isWhole: block.language === 'sh' })));
  const spans = codeSpansOf(page).map((line) => ({ line, isWhole: false }));
  return [...lines, ...spans].flatMap(({ line, isWhole }) => {
    const words = wordsBehindPgha(line);
    return words === null ? [] : findMistakes(program, words, isWhole).map((mistake) => `${line}: ${mistake}`);
  });
}

describe('the commands of the documents', () => {
  it('are found in blocks and in sentences', () => {
    expect(
      mistakesOn('# A\n\n```sh\npgha nodse list\npgha deploy\n```\n\n`pgha status --wtch`, `pgha plan east`'),
    ).toEqual([
      'pgha nodse list: no such command: nodse',
      'pgha deploy: lacks <region>',
      'pgha status --wtch: no such option: --wtch',
      'pgha plan east: no choice: east',
    ]);
    expect(
      mistakesOn('`pgha dr`, `pgha restore copy NAME --table`, `npm run pgha -- backup create --type some`'),
    ).toEqual([
      'pgha restore copy NAME --table: --table lacks its value',
      'npm run pgha -- backup create --type some: --type: no choice some',
    ]);
  });

  it.each(pages)('%s has only commands and options that exist', (name) => {
    expect(mistakesOn(read(name))).toEqual([]);
  });

  it.each(pages)('%s names only scripts that package.json has', (name) => {
    const lines = [...blocksOf(read(name)).flatMap(commandLinesOf), ...codeSpansOf(read(name))];
    const named = lines.flatMap((line) =>
      [...line.matchAll(/(?:npm run|^pnpm|&& pnpm) ((?:deploy|destroy|plan|test):\w+|bench|check|format)\b/g)].map(
        ([, script = '']) => script,
      ),
    );
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });
});

describe('the links of the documents', () => {
  it.each(pages)('%s leads to pages and headings that exist', (name) => {
    const broken = localLinksOf(read(name)).filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? name : normalize(join(dirname(name), path));
      // the badge of the workflow, which only GitHub serves
      if (file.startsWith('../../actions/')) return false;
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && !headingsOf(read(file)).some((heading) => heading.anchor === anchor);
    });
    expect(broken).toEqual([]);
  });
});
