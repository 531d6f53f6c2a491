import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChecked } from '../../src/hosts/host.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import type { ArchiveStatus } from '../../src/operations/archive/status.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { cutFarRepository, mendFarRepository } from './region-cut.ts';
import { openRunbook, type Runbook } from './runbook.ts';
import { ask, hostOf, leaderOf, type RunningLab, runPgha } from './running-lab.ts';
import { underLoad } from './under-load.ts';
import { expectUnharmed } from './unharmed.ts';

/** A full backup of a new lab, and a segment that nobody waits for, take their time on a busy machine. */
const archiveTimeoutMs = 300_000;

/** The far region's repository is cut off: it is left out of the archive, and comes back. */
export function archiveDetachSuite(provided: () => RunningLab): void {
  describe('the archive, while the far region’s repository is cut off', () => {
    let lab: RunningLab;
    let page: Runbook;
    beforeAll(async () => {
      lab = provided();
      page = openRunbook('archive-detach.md');
      await waitUntil(async () => (await status()).repositories.every(({ lastFullAt }) => lastFullAt !== null), {
        what: 'a full backup in both repositories',
        timeoutMs: archiveTimeoutMs,
        everyMs: 3_000,
      });
    });
    afterAll(mendFarRepository);

    const status = async () => {
      const { stdout, stderr } = await runPgha(['archive', 'status', '--json', '--lab']);
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as ArchiveStatus;
    };
    const switchWal = async () => {
      const primary = await leaderOf(lab);
      await ask(lab, primary, 'select pg_logical_emit_message(true, $$test$$, $$a segment with something in it$$)');
      return ask(lab, primary, 'select pg_walfile_name(pg_switch_wal())');
    };
    const repository = async (number: number) =>
      (await status()).repositories.find((each) => each.repository === number) ??
      expect.fail(`no repository ${number}`);
    const archivedInto = (number: number, segment: string) =>
      waitUntil(async () => ((await repository(number)).archivedUpTo ?? '') >= segment.trim(), {
        what: `${segment.trim()} in repository ${number}`,
        timeoutMs: archiveTimeoutMs,
        everyMs: 2_000,
      });

    it('waits on the primary until the repository is detached, and then goes on into the other one', async () => {
      await cutFarRepository();
      for (let count = 0; count < 3; count += 1) await switchWal();
      await waitUntil(async () => ((await status()).waiting ?? 0) > 0, {
        what: 'segments that wait',
        timeoutMs: archiveTimeoutMs,
        everyMs: 2_000,
      });
      expect((await page.run('pgha archive status')).stdout).toMatch(/^2 +us-west-2 +attached, unreachable/m);
      const startedAt = Date.now();
      const { verdict } = await underLoad(lab, 'a repository is detached', async () => {
        const { code, stdout, stderr } = await page.run('pgha archive detach --repo 2 --yes');
        expect(code, stderr).toBe(0);
        expect(stdout).toContain('repository 2 is detached');
      });
      console.log(`detached: ${((Date.now() - startedAt) / 1_000).toFixed(0)} s`);
      expectUnharmed(verdict);
      await archivedInto(1, await switchWal());
      expect(await repository(2)).toMatchObject({ state: 'detached' });
      const last = await runPgha(['archive', 'detach', '--repo', '1', '--yes', '--lab']);
      expect(last.code, last.stderr).toBe(3);
    });

    it('has backups meanwhile', async () => {
      const before = (await repository(1)).lastFullAt;
      const primary = await leaderOf(lab);
      const backup = ['systemctl', 'start', 'pgha-backup@full.service'];
      await runChecked(hostOf(lab, primary), backup, { timeoutMs: archiveTimeoutMs });
      expect((await repository(1)).lastFullAt).not.toBe(before);
    });

    it('comes back with a full backup, and says what cannot be restored from it', async () => {
      await mendFarRepository();
      const { stdout: steps } = await page.run('pgha archive attach --repo 2 --dry-run');
      expect(steps).toContain('Take a full backup to repository 2');
      const startedAt = Date.now();
      const { code, stdout, stderr } = await page.run('pgha archive attach --repo 2');
      console.log(`attached: ${((Date.now() - startedAt) / 1_000).toFixed(0)} s`);
      expect(code, stderr).toBe(0);
      expect(stdout).toContain('repository 2 is attached and has a full backup');
      const segment = await switchWal();
      await archivedInto(1, segment);
      await archivedInto(2, segment);
      const after = await repository(2);
      expect(after).toMatchObject({ state: 'attached', problem: null });
      expect(after.gaps).toHaveLength(1);
      expect(Date.parse(after.lastFullAt ?? '')).toBeGreaterThanOrEqual(Date.parse(after.gaps[0]?.from ?? ''));
      const again = await runPgha(['archive', 'attach', '--repo', '2', '--lab']);
      expect(again.code, again.stderr).toBe(3);
      expect(page.unrun()).toEqual([]);
    });

    it('leaves the second region streaming', async () => {
      await waitForAllMembers(lab.cluster, lab.access.ca);
    });
  });
}
