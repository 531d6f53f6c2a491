import { beforeAll, describe, expect, it } from 'vitest';
import { describeVerdict, judge } from '../../src/chaos/checker.ts';
import { killedAndRunAgain } from './killed.ts';
import { contentOf, startClients } from './region-clients.ts';
import { openRunbook, type Runbook, undisturbed } from './runbook.ts';
import { patroniOf, type RunningLab } from './running-lab.ts';

/** The writes move to the other region and home, as planned. */
export function regionSwitchoverSuite(provided: () => RunningLab): void {
  describe('a switchover between the regions', () => {
    let lab: RunningLab;
    let page: Runbook;
    beforeAll(async () => {
      lab = provided();
      page = openRunbook('region-switchover.md');
    });

    /** Clients of the first region's server write while the command of the page runs; returns what it told. */
    async function move(name: string, command: () => Promise<string>) {
      const clients = startClients(lab, lab.cluster.primary, name);
      await clients.more(40);
      const told = await command();
      await clients.more(40);
      const history = await clients.workload.stop();
      const verdict = judge(history, await contentOf(lab, clients.run));
      console.log(`${name}: ${describeVerdict(verdict)}`);
      expect(verdict).toMatchObject({ isValid: true, lost: [], duplicated: [] });
      return { told, counts: verdict.counts };
    }

    it('moves the writes there and loses nothing, also when the command is killed at any step', async () => {
      const planned = await page.run('pgha dr switchover --dry-run');
      expect(planned.stdout).toMatch(/Promote us-west-2 once it has received all WAL/);
      const { told } = await move('region-switchover, killed', () =>
        killedAndRunAgain('pgha dr switchover --yes', page.run),
      );
      expect(told).toMatch(
        /^us-west-2 is active, region epoch \d+, .* us-east-1 is its standby region\. No data was lost\./m,
      );
      expect((await patroniOf(lab, lab.cluster.primary)).leader).toMatchObject({ role: 'standby_leader' });
    });

    it('moves them home, and when nobody kills it no request fails', async () => {
      const { told, counts } = await move('region-switchover-home', () =>
        undisturbed(page, 'pgha dr switchover --to us-east-1 --yes'),
      );
      expect(told).toMatch(
        /^us-east-1 is active, region epoch \d+, .* us-west-2 is its standby region\. No data was lost\./,
      );
      expect(told).toMatch(/^api-1 was ready/m);
      expect(counts).toMatchObject({ fail: 0, unknown: 0 });
      expect((await patroniOf(lab, lab.cluster.primary)).leader).toMatchObject({ role: 'leader' });
    });

    it('is what the page describes: every command of it was run', async () => {
      expect((await page.run('pgha dr status')).stdout).toMatch(/^Active region: us-east-1\.$/m);
      expect(page.unrun()).toEqual([]);
    });
  });
}
