import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Block, blocksOf, codeSpansOf, commandLinesOf, headingsOf } from '../../test/markdown.ts';
import { kindOf } from '../../test/readme/blocks.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const shellBlocksOf = (page: string): readonly Block[] => blocksOf(page).filter(({ language }) => language === 'sh');
const blocks = shellBlocksOf(read('README.md'));
const linesOf = (kind: string) => blocks.filter((block) => kindOf(block) === kind).flatMap(commandLinesOf);

describe('the blocks of the README', () => {
  it('begin with the two commands', () => {
    expect(blocks.map(kindOf).indexOf('started')).toBe(0);
    expect(linesOf('started')).toEqual(['npm start', 'npm test']);
  });

  it('are run by CI where they need the tests, the lab or the load generator', () => {
    const ci = read('.ci/run').split('\n');
    expect(ci).toContain('npm test');
    expect(ci.some((line) => line.includes('vitest run --project lab'))).toBe(true);
    expect(ci.some((line) => line.startsWith('pnpm --silent bench '))).toBe(true);
    expect(linesOf('lab').length).toBeGreaterThan(3);
    expect(linesOf('bench')).toHaveLength(1);
  });

  it('use only known programs where they need an AWS account, and never pnpm without npx', () => {
    const programs = new Set(linesOf('aws').map((line) => line.replace(/^(?:export )?\w+=\$\(/, '').split(' ')[0]));
    expect([...programs].sort()).toEqual(['aws', 'cp', 'npm', 'npx', 'psql']);
    expect(blocks.flatMap(commandLinesOf).filter((line) => /^pnpm /.test(line))).toEqual([]);
  });

  it('use an idempotency key for one body only, and no position of another cluster', () => {
    const bodies = new Map<string, string>();
    for (const line of blocks.flatMap(commandLinesOf)) {
      const [, key] = /Idempotency-Key: ([\w-]+)/.exec(line) ?? [];
      const [, body = ''] = / -d '([^']*)'/.exec(line) ?? [];
      if (key === undefined) continue;
      expect(bodies.get(key) ?? body, key).toBe(body);
      bodies.set(key, body);
    }
    expect(bodies.size).toBeGreaterThan(1);
    for (const block of blocks) expect(block.text).not.toMatch(/Min-LSN: [0-9A-F]+\//);
  });
});

describe('what the README says of the tree', () => {
  it('has every package and no other', () => {
    const packages = ['apps', 'packages'].flatMap((folder) =>
      readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
    );
    const listed = [...read('README.md').matchAll(/^((?:apps|packages)\/[\w-]+) +/gm)].map(([, name]) => name);
    expect(listed).toEqual(packages.toSorted());
  });

  it('has the versions of the catalog', () => {
    const catalog = read('pnpm-workspace.yaml');
    const versionOf = (name: string) =>
      new RegExp(`^ {2}"?${name}"?: \\^?([\\d.]+)$`, 'm').exec(catalog)?.[1] ?? 'none';
    const major = (name: string) => versionOf(name).split('.')[0];
    const text = read('README.md');
    expect(text).toContain(`cdktf ${versionOf('cdktf')}, AWS provider ${versionOf('@cdktf/provider-aws')}`);
    expect(text).toContain(
      `TypeScript ${major('typescript')}, Fastify ${major('fastify')}, pg ${major('pg')}, commander ${major('commander')}`,
    );
    expect(text).toContain(
      `Vitest ${major('vitest')}, fast-check ${major('fast-check')}, Playwright ${major('playwright-core')}`,
    );
  });
});

// the pages of docs/pt-BR are compared by lint/translation.test.ts
describe('README.md and README.pt-BR.md', () => {
  const [one, other] = [read('README.md'), read('README.pt-BR.md')];

  it('have the same headings', () => {
    expect(headingsOf(other).map(({ level }) => level)).toEqual(headingsOf(one).map(({ level }) => level));
  });

  it('have the same commands', () => {
    const commands = (page: string) => shellBlocksOf(page).flatMap(commandLinesOf).map(withoutPlaceholders);
    expect(commands(other)).toEqual(commands(one));
  });

  it('name the same commands in their sentences', () => {
    const named = (page: string) =>
      codeSpansOf(page)
        .filter((span) => /^(?:pnpm |npm run )?pgha /.test(span))
        .map(withoutPlaceholders)
        .toSorted();
    expect(named(other)).toEqual(named(one));
  });

  it('have the same numbers in their tables', () => {
    expect(numbersOf(other)).toEqual(numbersOf(one));
  });
});

/** What a reader replaces has a name in their own language. */
const withoutPlaceholders = (command: string) => command.replaceAll(/<[^>]*>|\b[A-Z]{3,}\b/g, 'X');

/** The numbers in the rows of a page's tables, sorted, with a point whichever mark its language has. */
const numbersOf = (page: string): readonly string[] =>
  page
    .split('\n')
    .filter((line) => /^\s*\|/.test(line))
    .flatMap((line) => line.replaceAll(/\]\([^)]*\)/g, '').match(/\d+(?:[.,]\d+)?/g) ?? [])
    .map((number) => number.replace(',', '.'))
    .toSorted();
