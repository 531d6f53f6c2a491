import { glob, readFile } from 'node:fs/promises';
import list from './phrases.json' with { type: 'json' };
import { piecesOf } from './pieces.ts';
import { findPhrases, findUnused, type Piece } from './wording.ts';

/** What users read. Comments, tests and the changelog, which has old names, are not looked through. */
const watched = [
  'README.md',
  'SECURITY.md',
  'docs/**/*.md',
  '.env.example',
  'pgha.config.example.ts',
  '{apps,packages}/*/src/**/*.{ts,py,sh}',
];
const skipped = [/\.test\.ts$/, /^docs\/pt-BR\//, /\/testing\//];

const root = new URL('../../../', import.meta.url);
const texts = new Map<string, readonly Piece[]>();
for await (const file of glob(watched, { cwd: root.pathname })) {
  if (skipped.some((each) => each.test(file))) continue;
  texts.set(file, piecesOf(file, await readFile(new URL(file, root), 'utf8')));
}
const hits = [...texts].flatMap(([file, pieces]) => findPhrases(list, file, pieces));
const unused = findUnused(list, texts);
const report = [
  ...hits.map(({ file, line, found, use }) => `${file}:${line}: "${found}": use: ${use}`),
  ...unused.map((each) => `packages/ops/lint/phrases.json: an exception that nothing needs: ${each}`),
  `wording: ${texts.size} files, ${hits.length} phrases, ${unused.length} unused exceptions`,
];
process.stdout.write(report.map((line) => `${line}\n`).join(''));
process.exitCode = hits.length + unused.length === 0 ? 0 : 1;
