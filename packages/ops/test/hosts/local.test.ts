import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runBounded } from '../../src/hosts/bounded.ts';
import { createLocalHost } from '../../src/hosts/local.ts';
import { createNspawnHost } from '../../src/hosts/nspawn.ts';
import { hostConformance, timeoutConformance } from '../host-conformance.ts';

const folder = mkdtempSync(join(tmpdir(), 'pgha-local-host-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('this computer as a host', () => {
  timeoutConformance(() => createLocalHost(folder));
});

// entering namespaces is root's; those of the test itself are entered
describe.runIf(process.getuid?.() === 0)('a machine that is entered through its namespaces', () => {
  const open = () => createNspawnHost('machine', async () => process.pid);
  hostConformance(open);
  timeoutConformance(open);
});

describe('a bounded command', () => {
  it('returns at its timeout even when what holds its output open cannot be found', async () => {
    // neither the mark nor a parent leads to it
    const script = `(env -i setsid sh -c 'sleep 20 & exit 0' &) ; sleep 0.2; exit 0`;
    const began = performance.now();
    const result = await runBounded(['sh', '-c', script], { input: '', timeoutMs: 1_000 });
    expect(result.timedOut).toBe(true);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('tells how a command ended that ended in time', async () => {
    const run = (script: string) => runBounded(['sh', '-c', script], { input: 'given', timeoutMs: 10_000 });
    expect(await run('cat; exit 3')).toMatchObject({ timedOut: false, exitCode: 3, stdout: 'given' });
    expect(await run('kill -9 $$')).toMatchObject({ timedOut: false, exitCode: undefined, signal: 'SIGKILL' });
  });
});
