import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { membersOf } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeVerdict, judge } from '../../src/chaos/checker.ts';
import { readRepository } from '../../src/clients/pgbackrest.ts';
import { secondRegionOf } from '../../src/operations/dr/view.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { contentOf, startClients } from './region-clients.ts';
import { openRunbook, type Runbook } from './runbook.ts';
import { hostOf, patroniOf, type RunningLab } from './running-lab.ts';

/** Proves that the second region can take over, and disturbs nobody. */
export function regionDrillSuite(provided: () => RunningLab): void {
  describe('a drill of the second region', () => {
    let lab: RunningLab;
    let page: Runbook;
    beforeAll(async () => {
      lab = provided();
      page = openRunbook('drill.md');
    });

    it('passes, writes its report, and is noticed by no client', async () => {
      const dr = secondRegionOf(lab.cluster);
      const [standby = expect.fail('no standby')] = membersOf(dr).map(({ name }) => hostOf(lab, name));
      await waitUntil(
        async () => {
          const { backups } = await readRepository(standby, lab.cluster.scope, repositoryNumber(dr));
          return backups.some(({ type }) => type === 'full');
        },
        { what: "a full backup in the second region's repository", timeoutMs: 600_000, everyMs: 3_000 },
      );
      const folder = await mkdtemp(join(tmpdir(), 'pgha-drill-'));
      const before = await patroniOf(lab, lab.cluster.primary);
      const clients = startClients(lab, lab.cluster.primary, 'drill');
      await clients.more(40);
      const startedAt = Date.now();
      const { code, stdout, stderr } = await page.run('pgha dr drill --report docs/drills', { 'docs/drills': folder });
      expect(code, stdout + stderr).toBe(0);
      console.log(`drill: ${((Date.now() - startedAt) / 1_000).toFixed(1)} s\n${stdout}`);
      await clients.more(40);
      const history = await clients.workload.stop();
      const verdict = judge(history, await contentOf(lab, clients.run));
      console.log(`clients of the drill: ${describeVerdict(verdict)}`);
      expect(verdict).toMatchObject({ isValid: true, counts: { fail: 0, unknown: 0 } });

      const [name = '', ...others] = await readdir(folder);
      expect(others).toEqual([]);
      expect(name).toMatch(/^dr-drill-\d{4}-\d\d-\d\dT\d{4}Z\.md$/);
      expect(await readFile(join(folder, name), 'utf8')).toBe(stdout);
      expect(stdout).toContain('**Passed.**');
      expect(stdout).toMatch(/\| public\.items \| \d+ \|/);
      await rm(folder, { recursive: true });

      const after = await patroniOf(lab, lab.cluster.primary);
      expect(after.leader).toMatchObject({ name: before.leader?.name, timeline: before.leader?.timeline });
      const left = await standby.run(['sh', '-c', 'ls -d /var/lib/postgresql/*drill*']);
      expect(left.stdout).toBe('');
    });

    it('is remembered: nothing is left that needs a person', async () => {
      const shown = await waitUntil(
        async () => {
          const { code, stdout } = await page.run('pgha dr status');
          if (code !== 0) throw new Error(stdout);
          return stdout;
        },
        { what: 'a second region without findings', timeoutMs: 120_000, everyMs: 2_000 },
      );
      expect(shown).toMatch(/Last drill: passed at \S+\./);
      expect(page.unrun()).toEqual([]);
    });

    it('is found from the first page, which says the same in both languages', async () => {
      const english = openRunbook('../dr-runbook.md');
      const portuguese = openRunbook('../pt-BR/dr-runbook.md');
      expect(portuguese.unrun()).toEqual(english.unrun());
      for (const line of english.unrun()) expect((await english.run(line)).stdout).not.toBe('');
      expect(english.unrun()).toEqual([]);
    });
  });
}
