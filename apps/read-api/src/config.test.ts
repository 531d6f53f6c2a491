import { readFile } from 'node:fs/promises';
import { renderSettings } from '@pgha/http';
import { expect, it } from 'vitest';
import { ReadApiSettingsSchema } from './config.ts';

it('has every setting with its default in .env.example', async () => {
  const example = await readFile(new URL('../../../.env.example', import.meta.url), 'utf8');
  for (const setting of renderSettings(ReadApiSettingsSchema)) expect(example).toContain(`${setting}\n`);
});
