import { membersOf, regionsOf } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import { judge } from '../../src/chaos/checker.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import { readFinalState } from '../../src/operations/load.ts';
import type { KeptData } from '../../src/operations/restore/kept.ts';
import { type PlacedScratch, scratchName } from '../../src/operations/restore/scratch.ts';
import { say } from '../../src/operations/restore/target.ts';
import type { ClusterStatus } from '../../src/operations/status/status.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { listBackups } from './first-backups.ts';
import { killAtAnyStep } from './killed.ts';
import { expectMoment, startLedger } from './ledger.ts';
import { untilQuiet } from './quiet-status.ts';
import { openRunbook, type Runbook } from './runbook.ts';
import { ask, hostOf, leaderOf, pgha, type RunningLab, runPgha } from './running-lab.ts';

const example = '2025-01-15T14:30:00+00:00';
/** A restore that is cut off and one that is not, two full backups, a region built anew: a busy machine takes twenty minutes. */
const busyTimeoutMs = 2_400_000;

/** The whole cluster goes back to a second. */
export function restoreInPlaceSuite(provided: () => RunningLab): void {
  describe('a restore in place', () => {
    let lab: RunningLab;
    let page: Runbook;
    let moment: Date;
    let lostKeys: readonly string[] = [];
    beforeAll(() => {
      lab = provided();
      page = openRunbook('restore-in-place.md');
    });

    it(
      'comes to its end when it is killed at any step and run again, with what was there at the second',
      async () => {
        const ledger = startLedger(lab, 'in-place');
        moment = await ledger.middle();
        const values = { [example]: say(moment) };
        const planned = await page.run('pgha restore 2025-01-15T14:30:00+00:00 --into in-place --dry-run', values);
        expect(planned.code, planned.stderr).toBe(0);
        const refused = await runPgha(['restore', say(moment), '--into', 'in-place', '--lab']);
        expect(refused.code).toBe(3);
        expect(refused.stderr).toMatch(/All changes of the last \d+ s are discarded \(last commit: \S+Z\)/);
        const startedAt = Date.now();
        await killAtAnyStep(['restore', say(moment), '--into', 'in-place', '--yes']);
        const again = await page.run('pgha restore 2025-01-15T14:30:00+00:00 --into in-place --yes', values);
        expect(again.code, again.stderr).toBe(0);
        console.log(`restore in place, killed and run again: ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
        console.log(again.stderr);
        await ledger.more(40);
        const history = await ledger.workload.stop();
        const reads = await sameEverywhere(lab, ledger.run);
        const { longestGap, duplicated } = judge(history, reads);
        console.log(`nobody was acknowledged for ${(longestGap.lengthMs / 1000).toFixed(1)} s`);
        for (const { keys } of reads) expectMoment(history, keys, moment, longestGap.beganAtMs);
        expect(duplicated).toEqual([]);
        lostKeys = history.writes
          .filter(({ outcome, invokedAtMs, completedAtMs }) => {
            const isLate = invokedAtMs > moment.getTime() && completedAtMs < moment.getTime() + 1_000;
            return outcome === 'ok' && isLate && completedAtMs <= longestGap.beganAtMs;
          })
          .map(({ key }) => key);
      },
      busyTimeoutMs,
    );

    it('leaves every member of both regions streaming on the new timeline, and nothing that needs a person', async () => {
      await waitForAllMembers(lab.cluster, lab.access.ca);
      const status = await untilQuiet(async () => {
        const { stdout } = await runPgha(['status', '--json', '--lab']);
        return JSON.parse(stdout) as ClusterStatus;
      });
      const timelines = new Set(status.regions.flatMap(({ members }) => members.map(({ timeline }) => timeline)));
      expect(timelines.size).toBe(1);
      expect(await page.run('pgha status')).toMatchObject({ code: 0 });
      const leader = await leaderOf(lab);
      expect(
        await ask(
          lab,
          leader,
          "select count(*) from pg_settings where name like 'recovery_target_time' and setting <> ''",
        ),
      ).toBe('0');
      expect(await ask(lab, leader, "select active from pg_replication_slots where slot_name = 'dr'")).toBe('t');
      expect(await ask(lab, leader, 'show synchronous_standby_names')).toMatch(/^ANY 1 \(/);
    });

    it('ends with a full backup of the new timeline in both repositories', async () => {
      const listing = await listBackups();
      const leader = await leaderOf(lab);
      const timeline = await ask(lab, leader, "select lpad(to_hex(timeline_id), 8, '0') from pg_control_checkpoint()");
      for (const { backups } of listing) {
        expect(backups?.at(-1)).toMatchObject({ type: 'full' });
        expect(Number.parseInt(backups?.at(-1)?.wal.start.slice(0, 8) ?? '', 16)).toBeLessThanOrEqual(
          Number.parseInt(timeline, 16),
        );
        expect(backups?.at(-1)?.wal.start.slice(0, 8)).not.toBe('00000001');
      }
    });

    it('still has what was lost, on the branch that it left', async () => {
      const late = new Date(moment.getTime() + 1_000);
      const { code, stderr } = await runPgha(['restore', say(late), '--lab']);
      expect(code, stderr).toBe(0);
      const { scratches } = JSON.parse(await pgha('restore', 'list', '--json', '--lab')) as {
        scratches: readonly PlacedScratch[];
      };
      const name = scratchName({ target: late.toISOString(), repository: 1 });
      const scratch = scratches.find((each) => each.name === name) ?? expect.fail(`no scratch server ${name}`);
      const query = `select count(*) from items where name in ('${lostKeys.join("', '")}')`;
      const psql = ['runuser', '-u', 'postgres', '--', 'psql', '-XAt', '-c', query, scratch.connection];
      expect(lostKeys.length).toBeGreaterThan(0);
      expect(Number(await pgha('lab', 'exec', scratch.machine, '--', ...psql))).toBe(lostKeys.length);
      expect((await runPgha(['restore', 'drop', scratch.name, '--lab'])).code).toBe(0);
    });

    it('keeps the data of before on every member until somebody drops it', async () => {
      const listed = JSON.parse(await pgha('restore', 'list', '--json', '--lab')) as { kept: readonly KeptData[] };
      const members = regionsOf(lab.cluster).flatMap(({ nodes }) =>
        nodes.filter(({ role }) => role === 'postgres' || role === 'standby').map(({ name }) => name),
      );
      expect(listed.kept.map(({ machine }) => machine).sort()).toEqual([...members].sort());
      const [{ id } = expect.fail('nothing is kept')] = listed.kept;
      expect((await page.run('pgha restore list')).stdout).toContain(id);
      const dropped = await page.run('pgha restore drop pre-restore-20250115t150000 --yes', {
        'pre-restore-20250115t150000': id,
      });
      expect(dropped.code, dropped.stderr).toBe(0);
      expect((await runPgha(['restore', 'list', '--lab'])).stdout).toBe(
        'no scratch servers and no retained data directories\n',
      );
    });

    it('is what the page describes: every command of it was run', () => {
      expect(page.unrun()).toEqual([]);
    });
  });
}

/** What every member holds of a run, once all hold the same. */
function sameEverywhere(lab: RunningLab, run: string) {
  const hosts = membersOf(lab.cluster.primary).map(({ name }) => hostOf(lab, name));
  return waitUntil(
    async () => {
      const reads = await readFinalState(hosts, lab.cluster.database, run);
      return reads.every(({ keys }) => keys.length === reads[0]?.keys.length) ? reads : null;
    },
    { what: 'all members to hold the same', timeoutMs: 60_000, everyMs: 500 },
  );
}
