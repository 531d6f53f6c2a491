import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const root = new URL('../../../../', import.meta.url);
const manifests = [
  '.',
  'apps/api',
  'apps/read-api',
  'packages/db',
  'packages/http',
  'packages/infra',
  'packages/ops',
  'packages/protocol',
];

it('is the same in every package, and the newest in the changelog', async () => {
  const versions = await Promise.all(
    manifests.map(async (folder) => {
      const text = await readFile(new URL(`${folder}/package.json`, root), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    }),
  );
  const changelog = await readFile(new URL('CHANGELOG.md', root), 'utf8');
  const newest = /^## \[?(\d+\.\d+\.\d+)/m.exec(changelog)?.[1];
  expect(new Set(versions)).toEqual(new Set([newest]));
});
