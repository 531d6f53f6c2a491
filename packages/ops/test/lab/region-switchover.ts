import { beforeAll, describe, expect, it } from 'vitest';
import { describeVerdict, judge } from '../../src/chaos/checker.ts';
import { contentOf, startClients } from './region-clients.ts';
import { openRunbook, type Runbook } from './runbook.ts';
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

    /** Clients of the first region's server write while the command of the page runs; none of them may notice more than a wait. */
    async function move(name: string, commandLine: string): Promise<string> {
      const clients = startClients(lab, lab.cluster.primary, name);
      await clients.more(40);
      const startedAt = Date.now();
      const { code, stdout, stderr } = await page.run(commandLine);
      expect(code, stderr).toBe(0);
      const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1);
      await clients.more(40);
      const history = await clients.workload.stop();
      const verdict = judge(history, await contentOf(lab, clients.run));
      console.log(`${name}: ${seconds} s, ${describeVerdict(verdict)}\n${stdout}`);
      expect(verdict).toMatchObject({ isValid: true, lost: [], duplicated: [] });
      expect(verdict.counts).toMatchObject({ fail: 0, unknown: 0 });
      return stdout;
    }

    it('moves the writes there: nothing is lost, no request fails', async () => {
      const planned = await page.run('pgha dr switchover --dry-run');
      expect(planned.stdout).toMatch(/us-west-2 has everything up to it and takes writes/);
      const moved = await move('region-switchover', 'pgha dr switchover --yes');
      expect(moved).toMatch(/^us-west-2 acts, epoch \d+, .* us-east-1 is its standby\. Nothing was lost\./);
      expect(moved).toMatch(/^api-1 was ready/m);
      expect((await patroniOf(lab, lab.cluster.primary)).leader).toMatchObject({ role: 'standby_leader' });
    });

    it('moves them home in the same way', async () => {
      const moved = await move('region-switchover-home', 'pgha dr switchover --to us-east-1 --yes');
      expect(moved).toMatch(/^us-east-1 acts, epoch \d+, .* us-west-2 is its standby\. Nothing was lost\./);
      expect((await patroniOf(lab, lab.cluster.primary)).leader).toMatchObject({ role: 'leader' });
    });

    it('is what the page describes: every command of it was run', async () => {
      expect((await page.run('pgha dr status')).stdout).toMatch(/^us-east-1 acts\.$/m);
      expect(page.unrun()).toEqual([]);
    });
  });
}
