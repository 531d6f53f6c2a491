import { membersOf, type Region } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeVerdict, judge } from '../../src/chaos/checker.ts';
import { secondRegionOf } from '../../src/operations/dr/view.ts';
import { readFinalState } from '../../src/operations/load.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { killedAndRunAgain } from './killed.ts';
import { contentOf, missingFrom, type RegionClients, startClients } from './region-clients.ts';
import { cutPeering, cutRegion, mendPeering, powerRegion } from './region-cut.ts';
import { expectLossAsTold, statusNow, untilNothingNeedsAPerson } from './region-reports.ts';
import { openRunbook, type Runbook, undisturbed } from './runbook.ts';
import { hostOf, type RunningLab, runPgha } from './running-lab.ts';

/** The first region is lost under load; the second one takes over; the first one comes back and becomes home again. */
export function regionLossSuite(provided: () => RunningLab): void {
  describe('the loss of the primary region', () => {
    let lab: RunningLab;
    let home: Region;
    let away: Region;
    let failover: Runbook;
    let failback: Runbook;
    /** Of the second region's server, over all of it; and what it had acknowledged when the regions lost sight of each other. */
    let clients: RegionClients;
    let cutAtMs: number;
    beforeAll(async () => {
      lab = provided();
      home = lab.cluster.primary;
      away = secondRegionOf(lab.cluster);
      failover = openRunbook('region-failover.md');
      failback = openRunbook('failback.md');
    });

    it('is no reason to fail over as long as it answers', async () => {
      expect((await failover.run('pgha dr status')).stdout).toMatch(/^Active region: us-east-1\.$/m);
      const { code, stderr } = await runPgha(['dr', 'failover', '--yes', '--lab']);
      expect(code, stderr).toBe(3);
      expect(stderr).toContain('us-east-1 is reachable and has a primary');
    });

    it('loses only what had not arrived, and as much as the failover says', async () => {
      clients = startClients(lab, away, 'region-loss-away');
      const lost = startClients(lab, home, 'region-loss-home');
      await Promise.all([clients.more(40), lost.more(40)]);
      await cutPeering();
      cutAtMs = Date.now();
      // acknowledged, and on no machine of the second region
      await lost.more(40);
      await cutRegion(lab, home);
      // each of them waits for its last answer until it gives up
      const stopped = lost.workload.stop();

      expect((await failover.run('pgha dr failover --dry-run')).stdout).toContain('us-east-1 is fenced');
      const told = await undisturbed(failover, 'pgha dr failover --yes');
      expect(told).toMatch(/^us-west-2 is active, region epoch \d+, .* us-east-1 is fenced\.$/m);
      await clients.more(40);

      const history = await stopped;
      const hosts = membersOf(away).map(({ name }) => hostOf(lab, name));
      const [read = expect.fail('no standby')] = await readFinalState(hosts, lab.cluster.database, lost.run);
      expectLossAsTold(told, history, read);
    });

    it('leaves a machine that reboots alone waiting for a word', async () => {
      await cutRegion(lab, away);
      await powerRegion(lab, away);
      await untilGatesAreClosed(away, /cannot be read/);
      expect((await failover.run('pgha dr status')).code).toBe(1);
      const confirmed = await failover.run('pgha dr confirm us-west-2 --yes');
      expect(confirmed.code, confirmed.stderr).toBe(0);
      expect(failover.unrun()).toEqual([]);
    });

    it('does not end with two primaries when its power returns, whether it sees the other region or not', async () => {
      const deceived = startClients(lab, home, 'region-loss-returned');
      await powerRegion(lab, home);
      await untilGatesAreClosed(home, /cannot be read/);
      await mendPeering(lab);
      await waitUntil(
        async () => {
          const { regions } = await statusNow();
          return regions.every(({ role, epoch }) => role === 'acting' && epoch !== null);
        },
        { what: 'both epochs to be known', timeoutMs: 180_000, everyMs: 2_000 },
      );
      await untilGatesAreClosed(home, /active with epoch/);
      const running = await Promise.all(
        membersOf(home).map(async ({ name }) => (await hostOf(lab, name).run(['pgrep', '-x', 'postgres'])).exitCode),
      );
      expect(running, 'PostgreSQL of us-east-1').toEqual(running.map(() => 1));
      expect(deceived.workload.acknowledged()).toBe(0);
      await deceived.workload.stop();
      const { code, stderr } = await runPgha(['dr', 'confirm', 'us-east-1', '--yes', '--lab']);
      expect(code, stderr).not.toBe(0);
    });

    it('ends with it as the standby, what only it had counted, also when the command is killed at any step', async () => {
      expect((await failback.run('pgha dr rejoin --dry-run')).code).toBe(0);
      const counted = await killedAndRunAgain('pgha dr rejoin --yes', failback.run);
      expect(counted).toMatch(/[1-9]\d* commits, \d+ bytes of WAL/);
      expect((await failback.run('pgha dr status')).stdout).toMatch(/^Active region: us-west-2\.$/m);
    });

    it('ends at home with nothing lost since, also when the command is killed at any step', async () => {
      await clients.more(20);
      expect((await failback.run('pgha dr failback --dry-run')).code).toBe(0);
      await killedAndRunAgain('pgha dr failback --yes', failback.run);
      await clients.more(40);
      const history = await clients.workload.stop();
      const reads = await contentOf(lab, clients.run);
      const verdict = judge(history, reads);
      console.log(`clients of the second region: ${describeVerdict(verdict)}`);
      for (const { keys } of reads) {
        expect(missingFrom(keys, history).filter(({ completedAtMs }) => completedAtMs > cutAtMs)).toEqual([]);
      }
      expect(verdict).toMatchObject({ duplicated: [], invented: [], denied: [], disagreeing: [] });
      const status = await untilNothingNeedsAPerson();
      expect(status.acting).toBe('us-east-1');
      expect(status.services.map(({ region }) => region)).toEqual(['us-east-1', 'us-east-1']);
    });

    it('lists what only it had, and drops it', async () => {
      const listed = await failback.run('pgha restore list');
      const [id = expect.fail(listed.stdout)] = /^demoted-\S+(?=\s+pg-\d\s+kept)/m.exec(listed.stdout) ?? [];
      // killed and run again, it was kept once
      expect(listed.stdout.match(/demoted-/g)).toHaveLength(1);
      const dropped = await failback.run('pgha restore drop demoted-20250115t150000 --yes', {
        'demoted-20250115t150000': id,
      });
      expect(dropped.code, dropped.stderr).toBe(0);
      expect((await runPgha(['restore', 'list', '--lab'])).stdout).not.toContain('demoted-');
      expect(failback.unrun()).toEqual([]);
    });

    /** Every member of a region says that it may not start, and this reason. */
    async function untilGatesAreClosed({ awsRegion }: Region, why: RegExp): Promise<void> {
      await waitUntil(
        async () => {
          const gates = (await statusNow()).regions.find(({ region }) => region === awsRegion)?.members ?? [];
          if (gates.every(({ gate }) => gate.startsWith('closed') && why.test(gate))) return true;
          throw new Error(gates.map(({ name, gate }) => `${name} is ${gate}`).join('; '));
        },
        { what: `the gates of ${awsRegion} to be closed`, timeoutMs: 300_000, everyMs: 2_000 },
      );
    }
  });
}
