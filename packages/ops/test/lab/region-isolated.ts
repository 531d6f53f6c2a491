import { membersOf, type Region } from '@pgha/infra/cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeVerdict, judge } from '../../src/chaos/checker.ts';
import { secondRegionOf } from '../../src/operations/dr/view.ts';
import { readFinalState } from '../../src/operations/load.ts';
import { killedAndRunAgain } from './killed.ts';
import { contentOf, type RegionClients, startClients } from './region-clients.ts';
import { cutFarRepository, cutPeering, mendFarRepository, mendPeering } from './region-cut.ts';
import { expectLossAsTold, untilNothingNeedsAPerson } from './region-reports.ts';
import { openRunbook, type Runbook, undisturbed } from './runbook.ts';
import { hostOf, patroniOf, type RunningLab, runPgha } from './running-lab.ts';

/** The first region is cut off from the second one and goes on writing: it has to be ended before the other may act. */
export function regionIsolatedSuite(provided: () => RunningLab): void {
  describe('a primary region that is isolated, runs and writes', () => {
    let lab: RunningLab;
    let home: Region;
    let away: Region;
    let page: Runbook;
    /** Of the server of the region that is cut off. */
    let clients: RegionClients;
    beforeAll(async () => {
      lab = provided();
      home = lab.cluster.primary;
      away = secondRegionOf(lab.cluster);
      page = openRunbook('failback.md');
      await untilNothingNeedsAPerson();
    });
    afterAll(async () => {
      await mendFarRepository();
      await mendPeering(lab);
    });

    it('is given up only when a person says so', async () => {
      clients = startClients(lab, home, 'region-isolated');
      await clients.more(40);
      await cutPeering();
      const { code, stderr } = await runPgha(['dr', 'failover', '--yes', '--lab']);
      expect(code, stderr).toBe(3);
      expect(stderr).toMatch(/--(although-it-answers|even-if-reachable)/);
      // acknowledged after the refusal, and on no machine of the second region
      await clients.more(40);
    });

    it('is not followed by another primary while its archive is not shut', async () => {
      await cutFarRepository();
      const { code, stderr } = await runPgha(['dr', 'failover', '--even-if-reachable', '--yes', '--lab']);
      expect(code, stderr).toBe(1);
      expect(stderr).toContain('fencing of us-east-1 could not be verified');
      expect(stderr).toContain('--accept-unfenced');
      expect((await patroniOf(lab, away)).leader).toMatchObject({ role: 'standby_leader' });
    });

    it('is followed by one once a person accepts that, also when the command is killed at any step, and loses what it says', async () => {
      const stopped = clients.workload.stop();
      const told = await killedAndRunAgain('pgha dr failover --accept-unfenced --yes');
      expect(told).toMatch(/^us-west-2 is active, region epoch \d+, .* us-east-1 is NOT verifiably fenced\.$/m);
      await mendFarRepository();

      const history = await stopped;
      const hosts = membersOf(away).map(({ name }) => hostOf(lab, name));
      const [read = expect.fail('no standby')] = await readFinalState(hosts, lab.cluster.database, clients.run);
      expectLossAsTold(told, history, read);
    });

    it('comes back as the standby and becomes home again, nobody disturbing', async () => {
      await mendPeering(lab);
      const since = startClients(lab, away, 'region-isolated-since');
      await since.more(40);
      expect(await undisturbed(page, 'pgha dr rejoin --yes')).toMatch(
        /^Unreplicated transactions of us-east-1: [1-9]\d* rows in \d+ commits/m,
      );
      await undisturbed(page, 'pgha dr failback --yes');
      await since.more(40);
      const verdict = judge(await since.workload.stop(), await contentOf(lab, since.run));
      console.log(`clients of the second region: ${describeVerdict(verdict)}`);
      expect(verdict).toMatchObject({ isValid: true, lost: [], duplicated: [] });
      expect(verdict.counts).toMatchObject({ fail: 0, unknown: 0 });
      expect((await untilNothingNeedsAPerson()).acting).toBe('us-east-1');
      const [kept = expect.fail('nothing was kept')] =
        /demoted-\w+/.exec((await page.run('pgha restore list')).stdout) ?? [];
      const values = { 'demoted-20250115t150000': kept };
      expect((await page.run('pgha restore drop demoted-20250115t150000 --yes', values)).code).toBe(0);
    });
  });
}
