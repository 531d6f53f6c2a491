import { membersOf, regionsOf } from '@pgha/infra/cluster';
import { restoreTestProgram } from '@pgha/infra/machines';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RestoreTestResult } from '../../src/clients/restore-test.ts';
import { runChecked } from '../../src/hosts/host.ts';
import type { ClusterStatus } from '../../src/operations/status/status.ts';
import { waitForFirstBackups } from './first-backups.ts';
import { hostOf, leaderOf, type RunningLab, runPgha } from './running-lab.ts';

const unit = 'pgha-restore-test@auto.service';
/** The one that does it holds its lock for a minute at least. */
const weeklyTimeoutMs = 240_000;

/** The restore test that no person asks for: its timer is due on every machine in the same second. */
export function weeklyRestoreTestSuite(provided: () => RunningLab): void {
  describe('the weekly restore test', () => {
    let lab: RunningLab;
    beforeAll(async () => {
      lab = provided();
      await waitForFirstBackups(lab);
    });

    /** Calls the program's own functions on a machine, as the variable `test`. */
    const decide = (machine: string, expression: string) => {
      const script = `
import datetime, importlib.machinery, importlib.util, json, sys
sys.path.insert(0, "/usr/local/lib/pgha")
loader = importlib.machinery.SourceFileLoader("restore_test", "${restoreTestProgram}")
test = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
loader.exec_module(test)
settings = test.pgha_scratch.read_settings()
print(json.dumps(${expression}))`;
      return runChecked(hostOf(lab, machine), ['python3', '-B', '-c', script]).then((text): unknown =>
        JSON.parse(text),
      );
    };

    it('is run by one machine when it is due on all, on a replica, with the repository whose turn it is', async () => {
      const names = regionsOf(lab.cluster)
        .flatMap(membersOf)
        .map(({ name }) => name);
      const leader = await leaderOf(lab);
      const turn = (await decide(leader, 'test.turn_of(settings["repositories"], datetime.date.today())')) as number;
      for (const name of names) {
        const isActive = ['systemctl', 'is-active', 'pgha-restore-test.timer'];
        expect(await runChecked(hostOf(lab, name), isActive)).toBe('active');
      }
      const startedAt = Date.now() / 1_000;
      await Promise.all(
        names.map((name) =>
          runChecked(hostOf(lab, name), ['systemctl', 'start', unit], { timeoutMs: weeklyTimeoutMs }),
        ),
      );
      const results = await Promise.all(
        names.map(async (name) => {
          const read = 'cat /var/lib/pgha-restore-test/result.json 2>/dev/null || echo null';
          const text = await runChecked(hostOf(lab, name), ['sh', '-c', read]);
          return JSON.parse(text) as RestoreTestResult | null;
        }),
      );
      const [result = expect.fail('nobody did it'), ...more] = results.filter(
        (each) => each !== null && each.startedAt >= startedAt,
      );
      expect(more).toEqual([]);
      expect(result).toMatchObject({ ok: true, repository: turn, differences: [] });
      const machine = result?.machine ?? '';
      expect(membersOf(lab.cluster.primary).map(({ name }) => name)).toContain(machine);
      expect(machine).not.toBe(leader);
      for (const name of names.filter((each) => each !== machine)) {
        const journal = ['journalctl', '--quiet', '--no-pager', `--unit=${unit}`, `--since=@${Math.floor(startedAt)}`];
        expect(await runChecked(hostOf(lab, name), journal)).toContain('nothing to do: ');
      }
      const figures = await hostOf(lab, machine).readFile('/run/pgha-metrics/pgha-restore-test.prom');
      expect(figures).toContain(`pgha_restore_test_success{repository="${turn}"} 1`);
      expect(figures).toContain(`pgha_restore_test_end_seconds{repository="${turn}"} ${result?.endedAt.toFixed(0)}`);
      const { stdout } = await runPgha(['status', '--json', '--lab']);
      const { repositories } = JSON.parse(stdout) as ClusterStatus;
      expect(repositories.find(({ repository }) => repository === turn)?.restoreTest).toMatchObject({
        machine,
        ok: true,
        backup: result?.backup,
      });
    });

    it('takes each repository every other week, also where a year has 53 of them', async () => {
      const turns = await decide(
        'pg-1',
        '[test.turn_of([2, 1], datetime.date(2026, 11, 3) + datetime.timedelta(weeks=week)) for week in range(60)]',
      );
      const [first] = turns as readonly number[];
      const other = first === 1 ? 2 : 1;
      expect(turns).toEqual(Array.from({ length: 60 }, (_, week) => (week % 2 === 0 ? first : other)));
    });

    it('is left to another machine where the disk has no room for it', async () => {
      const petabyte = 'test.missing_room(settings, {"info": {"size": 1 << 50}})';
      expect(await decide('pg-1', petabyte)).toMatch(
        /^not enough free disk space: the backup takes 1073741824 MiB, and of \d+ MiB free/,
      );
      expect(await decide('pg-1', 'test.missing_room(settings, {"info": {"size": 1}})')).toBeNull();
    });
  });
}
