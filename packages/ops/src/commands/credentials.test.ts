import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSettings } from '../config.ts';
import { RefusedError } from '../exit-codes.ts';
import { nouns } from './nouns.ts';

const home = mkdtempSync(join(tmpdir(), 'pgha-no-credentials-'));
const configFile = join(home, 'pgha.config.mjs');

beforeAll(() => {
  const cluster = fileURLToPath(new URL('../../../infra/src/cluster/index.ts', import.meta.url));
  writeFileSync(
    configFile,
    `import { defineCluster } from ${JSON.stringify(cluster)};\nexport default defineCluster({ awsProfile: 'absent' });\n`,
  );
  for (const name of Object.keys(process.env).filter((each) => each.startsWith('AWS_'))) vi.stubEnv(name, undefined);
  vi.stubEnv('HOME', home);
  // this computer may itself be an instance with a role
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

async function run(line: string): Promise<unknown> {
  const words = [...line.split(' '), '--config', configFile];
  const program = new Command('pgha').enablePositionalOptions().exitOverride();
  const { signal } = new AbortController();
  const context = { settings: readSettings(), signal, print: () => undefined, exit: () => undefined };
  for (const noun of nouns) if (noun.name === words[0]) (await noun.load())(program, context);
  return program.parseAsync(words, { from: 'user' }).catch((error: unknown) => error);
}

describe('without AWS credentials', () => {
  it.each([
    'status',
    'dr status',
    'dr failover --dry-run',
    'nodes list',
    'secrets list',
    'backup list',
    'operations list',
    'failover --dry-run',
    'archive status',
    'certs list',
    'api status',
    'connect',
  ])('pgha %s is refused, names the profile and says what to do', async (line) => {
    const error = await run(line);
    expect(error).toBeInstanceOf(RefusedError);
    expect((error as Error).message).toMatch(
      /^no AWS credentials for profile "absent": .+\. Log in with "aws sso login --profile absent", .*"pgha doctor"/,
    );
  });
});
