import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { activeLoginParameter, allNodes, parameterName, rotatingLogins } from '@pgha/infra/cluster';
import { detachedRepositoriesParameter } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { runChecked } from '../../src/hosts/host.ts';
import { withSecretStore } from '../../src/lab/access.ts';
import { provideAuthority } from '../../src/lab/aws.ts';
import { machinePlaces } from '../../src/lab/places.ts';
import { parameterNames } from '../../src/secrets/index.ts';
import { hostOf, type RunningLab } from './running-lab.ts';

/** Where not even a file of the right owner may hold a secret: what is shipped, shown or kept for ever. */
const forbidden = /^(var\/log|var\/lib\/cloud|var\/lib\/pgha|etc\/systemd|tmp|var\/tmp)\//;

/** Looks for every secret's value wherever it must not be. */
export function canarySuite(provided: () => RunningLab): void {
  describe('after a full boot, no secret’s value', () => {
    it('is in any file but those of its owner alone', async () => {
      const lab = provided();
      const values = await secretValues(lab);
      const leaks: string[] = [];
      let found = 0;
      for (const { name } of allNodes(lab.cluster)) {
        const { upper } = machinePlaces(lab.places, name);
        for (const file of await filesWith(values, upper)) {
          found += 1;
          const path = file.slice(upper.length + 1);
          const { mode } = await stat(file);
          if (forbidden.test(path) || (mode & 0o077) !== 0)
            leaks.push(`${name}: /${path} (${(mode & 0o777).toString(8)})`);
        }
      }
      expect(leaks).toEqual([]);
      // a search that finds nothing at all searched for the wrong thing
      expect(found).toBeGreaterThan(allNodes(lab.cluster).length);
    });

    it('is in any journal, command line or environment', async () => {
      const lab = provided();
      const values = await secretValues(lab);
      const script = `cat > /run/canary
journalctl --quiet -o cat | grep -cFf /run/canary > /run/canary-found || true
for part in cmdline environ; do
  for file in /proc/[0-9]*/$part; do tr '\\0' '\\n' < "$file" 2>/dev/null | grep -qFf /run/canary && echo "$file" >> /run/canary-found; done
done
cat /run/canary-found; rm /run/canary /run/canary-found`;
      for (const { name } of allNodes(lab.cluster)) {
        const said = await runChecked(hostOf(lab, name), ['sh', '-c', script], { input: `${values.join('\n')}\n` });
        expect(said.trim(), name).toBe('0');
      }
    });
  });
}

/** What of each secret nothing else has: a line of a key's content, the last word of every other line. */
async function secretValues(lab: RunningLab): Promise<readonly string[]> {
  const { cluster } = lab;
  const known = [
    parameterName(cluster, 'ca/certificate'),
    detachedRepositoriesParameter(cluster),
    ...rotatingLogins.map((role) => activeLoginParameter(cluster, role)),
  ];
  const secret = parameterNames(cluster).filter((name) => !known.includes(name) && !name.endsWith('/certificate'));
  const values = await withSecretStore(cluster, await provideAuthority(lab.places), (store) => store.read(secret));
  expect(values.size).toBe(secret.length);
  return [...values.values()].flatMap((value) => {
    // the first line of a key's content is its type, the same for all
    const keys = [...value.matchAll(/^-----BEGIN .*\n.*\n(.*)\n/gm)].flatMap(([, line]) => line ?? []);
    if (keys.length > 0) return keys;
    return value
      .trim()
      .split('\n')
      .flatMap((line) => line.split(' ').at(-1) ?? []);
  });
}

async function filesWith(values: readonly string[], folder: string): Promise<readonly string[]> {
  const running = promisify(execFile)('grep', ['-rlFf', '-', '--devices=skip', folder], { maxBuffer: 64 * 1024 ** 2 });
  running.child.stdin?.end(`${values.join('\n')}\n`);
  return running.then(
    ({ stdout }) => stdout.split('\n').filter(Boolean),
    (error: { code?: number; stdout?: string }) => {
      // 1: nothing found; 2: some file vanished while it was read
      if (error.code === 1 || error.code === 2) return (error.stdout ?? '').split('\n').filter(Boolean);
      throw error;
    },
  );
}
