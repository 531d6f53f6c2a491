import { request } from 'node:https';
import { rotatingLogins } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAccess } from '../../src/lab/access.ts';
import { provideAuthority } from '../../src/lab/aws.ts';
import { workloadTargets } from '../../src/lab/load.ts';
import type { ListedSecret } from '../../src/operations/secrets/listing.ts';
import { rotatables, rotatedTogether } from '../../src/operations/secrets/rotations.ts';
import { openRunbook, type Runbook } from './runbook.ts';
import { ask, leaderOf, type RunningLab, runPgha } from './running-lab.ts';
import { underLoad } from './under-load.ts';
import { expectUnharmed } from './unharmed.ts';

/** Every secret changes while clients of both services write and read, and none of them is told of it. */
export function rotationSuite(provided: () => RunningLab): void {
  describe('the rotation of secrets', () => {
    let lab: RunningLab;
    let page: Runbook;
    beforeAll(() => {
      lab = provided();
      page = openRunbook('rotate-secrets.md');
    });

    /** What a client is given now. */
    const renewAccess = async () => {
      lab.access = await readAccess(lab.cluster, await provideAuthority(lab.places));
    };
    const list = async () => {
      const { stdout, stderr } = await runPgha(['secrets', 'list', '--json', '--lab']);
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as readonly ListedSecret[];
    };

    it('is planned from what there is', async () => {
      const { stdout } = await page.run('pgha secrets list');
      const lines = stdout.split('\n').map((line) => line.trimEnd());
      for (const { name, use } of rotatables)
        expect(
          lines.filter((line) => line.startsWith(`${name} `) && line.endsWith(` ${use}`)),
          `${name}: ${use}`,
        ).toHaveLength(1);
      const { stdout: steps } = await page.run('pgha secrets rotate --all --dry-run');
      expect(steps).toContain('Make generation 2 current');
    });

    it('goes on where the command was killed, and no client is told of anything', async () => {
      const before = lab.access.app.user;
      const { verdict } = await underLoad(lab, 'rotation of app, killed', async () => {
        const killed = await runPgha(['secrets', 'rotate', 'app', '--lab'], /✔ Make app_[ab] the current login/);
        expect(killed.code).toBeNull();
        const { code, stdout, stderr } = await page.run('pgha secrets rotate app');
        expect(code, stderr).toBe(0);
        expect(stdout).toBe('changed: app\n');
      });
      expectUnharmed(verdict);
      await renewAccess();
      expect(lab.access.app.user).not.toBe(before);
      const using = await ask(
        lab,
        await leaderOf(lab),
        "select distinct usename from pg_stat_activity where usename ~ '^app'",
      );
      expect(using.trim()).toBe(lab.access.app.user);
    });

    it('changes every secret, and no client is told of anything', async () => {
      const logins = rotatingLogins.map((role) => `logins/${role}`);
      const active = async () =>
        Promise.all(logins.map(async (name) => (await runPgha(['secrets', 'show', name, '--lab'])).stdout.trim()));
      const [before, versions] = [await active(), await list()];
      const startedAt = Date.now();
      const { verdict } = await underLoad(lab, 'rotation of every secret', async () => {
        const { code, stdout, stderr } = await page.run('pgha secrets rotate --all --yes');
        expect(code, stderr).toBe(0);
        expect(stdout).toContain(`changed: ${rotatedTogether.map(({ name }) => name).join(', ')}`);
        expect(stdout).not.toContain('was not changed because');
      });
      console.log(`every secret: ${((Date.now() - startedAt) / 1_000).toFixed(0)} s`);
      expectUnharmed(verdict);
      const after = await active();
      for (const [index, login] of before.entries()) expect(after[index]).not.toBe(login);
      for (const { name, changedAt, isMirrored } of await list()) {
        expect(isMirrored, name).toBe(true);
        if (name === 'ca') continue;
        const earlier = versions.find((each) => each.name === name)?.changedAt ?? '';
        expect(Date.parse(changedAt ?? ''), name).toBeGreaterThan(Date.parse(earlier));
      }
    });

    it('leaves the old API key valid until it is retired', async () => {
      const old = lab.access.apiKey;
      expect(await statusWith(lab, old)).not.toBe(401);
      const { stdout } = await page.run('pgha secrets show api_keys');
      await renewAccess();
      expect(stdout).toContain(lab.access.apiKey);
      expect(lab.access.apiKey).not.toBe(old);
      const { code, stderr } = await page.run('pgha secrets retire api_keys');
      expect(code, stderr).toBe(0);
      expect(await statusWith(lab, old)).toBe(401);
      expect(await statusWith(lab, lab.access.apiKey)).not.toBe(401);
    });

    it('keeps the former generation of the backups until it is given up', async () => {
      const refused = await runPgha(['secrets', 'retire', 'backup_passphrases', '--lab']);
      expect(refused.code, refused.stderr).toBe(3);
      expect(refused.stderr).toContain('can only be restored from the previous generation');
      const { code, stderr } = await page.run('pgha secrets retire backup_passphrases --early --yes');
      expect(code, stderr).toBe(0);
      const { stdout } = await runPgha(['archive', 'status', '--lab']);
      expect(stdout).not.toContain('unreachable');
    });

    it('leaves both regions with the same values', async () => {
      const { code, stdout } = await page.run('pgha secrets mirror --from us-east-1');
      expect([code, stdout]).toEqual([0, 'no differences: both regions have the same values\n']);
      // who holds on to a former login is named by the rotation, which was not needed here
      const { code: nothing } = await page.run('pgha secrets retire app');
      expect(nothing).toBe(0);
      expect(page.unrun()).toEqual([]);
    });
  });
}

/** What the write service answers to an empty item: it looks at the key first. */
function statusWith(lab: RunningLab, apiKey: string): Promise<number> {
  const { address, hostname, port, ca } = workloadTargets(lab.cluster, lab.access).write;
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const asked = request({ host: address, servername: hostname, port, ca, method: 'POST', path: '/items', headers });
    asked.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('error', reject);
    asked.end('{}');
  });
}
