import { glob, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { codeTextOf } from './pieces.ts';

const root = new URL('../../../', import.meta.url).pathname;

async function filesOf(pattern: string): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const file of glob(pattern, { cwd: root })) files.push(file);
  return files;
}

/** Everything that programs can say, file by file: what is put together at run time is missing between its parts. */
const said = await Promise.all(
  (await filesOf('{apps,packages}/*/src/**/*.{ts,py,sh}'))
    .filter((file) => !file.endsWith('.test.ts'))
    .map(async (file) => codeTextOf(file, await readFile(`${root}${file}`, 'utf8'))),
);

/** What stands for a name or a number in a quoted message. */
const placeholder =
  /…|waiting for (?=etcd of)|\(arn:\S+\)|\b(?:dr-)?(?:pg|etcd|api)-\d\b|\bus-(?:east|west)-\d\b|\b[A-Z]{2,}\b|\bN\b|\b\d+\b|\bapp_[ab]\b/;

/** Messages of other programs: Terraform, its provider, AWS and PostgreSQL. */
const foreign = [
  'Error acquiring the state lock',
  'Error: Invalid function argument',
  'calling one(list',
  'reading IAM Policy',
  'is not authorized to perform',
  'recovery ended before configured recovery target was reached',
];

/** The messages that the first column of a page's tables quotes: in italics, or as code of several words. */
function quotationsIn(page: string): readonly string[] {
  const cells = [...page.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) =>
    [...cell.matchAll(/(?<![*\w])\*([^*]+)\*(?!\*)|`([^`]+)`/g)]
      .map(([, italic, code]) => italic ?? code ?? '')
      .filter((text) => text.split(' ').length >= 3 && !/^(pnpm|pgha|aws|npm|npx|sudo)\b/.test(text)),
  );
}

/** The parts of a message that stand in the source as they are. */
const fixedParts = (message: string) =>
  message
    .split(placeholder)
    .map((part) => part.replace(/^[\s:;,."'()]+|[\s:;,."'()]+$/g, ''))
    .filter((part) => part.split(' ').length >= 2);

const pages = ['docs/dr-runbook.md', 'docs/runbook-setup.md', ...(await filesOf('docs/runbooks/*.md'))].filter(
  (file) => !file.endsWith('alerts.md'),
);

describe('the messages that the runbooks quote', () => {
  it.each(pages)('%s', async (file) => {
    const parts = quotationsIn(await readFile(`${root}${file}`, 'utf8')).flatMap(fixedParts);
    const own = parts.filter((part) => !foreign.some((text) => part.includes(text) || text.includes(part)));
    expect(own.filter((part) => !said.some((text) => text.includes(part)))).toEqual([]);
  });

  it('are found at all', async () => {
    const page = await readFile(`${root}docs/runbooks/switchover.md`, 'utf8');
    expect(quotationsIn(page).flatMap(fixedParts)).toContain('no failover candidate is available');
  });
});
