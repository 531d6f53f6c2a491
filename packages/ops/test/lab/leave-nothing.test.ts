import { spawn } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../src/config.ts';
import { findControlGroups, groupNames } from '../../src/lab/control-groups.ts';
import { labNamespaces } from '../../src/lab/network.ts';
import { readRecord } from '../../src/lab/record.ts';
import { pgha } from './running-lab.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const places = readSettings().labPlaces;

/** Everything of a lab that this computer still has, named by the kind of thing it is. */
async function remains(): Promise<readonly string[]> {
  const lines = async (file: string, word: RegExp) =>
    (await readFile(file, 'utf8')).split('\n').filter((line) => word.test(line));
  const nspawn = await readdir('/run/systemd/nspawn/propagate').catch(() => []);
  const folder = await access(places.root).then(
    () => [places.root],
    () => [],
  );
  const kinds: Record<string, readonly string[]> = {
    namespace: await labNamespaces(),
    'control group': await groupNames(await findControlGroups()),
    mount: await lines('/proc/self/mounts', new RegExp(` ${places.root}/`)),
    route: await lines('/proc/net/route', /^pgha\t/),
    interface: await lines('/proc/net/dev', /^ *pgha:/),
    container: nspawn,
    folder,
  };
  return Object.entries(kinds).flatMap(([kind, names]) => names.map((name) => `${kind} ${name}`));
}

/** Starts `pgha lab up` and kills it without warning as soon as a step has begun. */
function killedAt(step: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, 'lab', 'up', '--no-monitoring'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    let isKilled = false;
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk;
      if (!isKilled && step.test(said)) {
        isKilled = true;
        // deep enough in the step that its work is half done
        setTimeout(() => child.kill('SIGKILL'), 300);
      }
    });
    child.once('error', reject);
    child.once('exit', () =>
      isKilled ? resolve() : reject(new Error(`up ended before ${step}: ${said.slice(-2_000)}`)),
    );
  });
}

// CI ends whatever lab it finds; a developer's own is left alone, and the tests below say so
let before: readonly string[];
beforeAll(async () => {
  if (process.env['CI'] !== undefined) await pgha('lab', 'down');
  // containers of somebody else's, running or long gone
  before = (await remains()).filter((thing) => thing.startsWith('container '));
});

async function expectNothingNew(): Promise<void> {
  expect((await remains()).filter((thing) => !before.includes(thing))).toEqual([]);
}

describe('pgha lab down', () => {
  it.each([
    ['Create the networks'],
    ['Start the AWS stand-in'],
    ['Start the other \\d+ machines'],
    ['Wait for the machines to finish'],
  ])('leaves nothing of an "up" that was killed at the step %s', async (step) => {
    expect(await readRecord(places), 'another lab is there; end it with "pgha lab down"').toBeNull();
    await killedAt(new RegExp(`❯ ${step}`));
    await pgha('lab', 'down');
    await expectNothingNew();
  });

  it('does nothing where there is nothing', async () => {
    await pgha('lab', 'down');
    await expectNothingNew();
  });
});
