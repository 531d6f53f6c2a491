import { membersOf } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/chaos/checker.ts';
import { runChecked } from '../../src/hosts/host.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { hostOf, leaderOf, patroniOf, pgha, type RunningLab } from './running-lab.ts';
import { underLoad } from './under-load.ts';

/** What every fault has to leave whole. The gap is printed and bounded widely: two shared cores are no measuring bench. */
function expectWhole(verdict: Verdict, gapBoundMs: number): void {
  expect(verdict.lost).toEqual([]);
  expect(verdict.duplicated).toEqual([]);
  expect(verdict.isValid).toBe(true);
  expect(verdict.counts).toMatchObject({ fail: 0, unknown: 0 });
  expect(verdict.longestGap.lengthMs).toBeLessThan(gapBoundMs);
}

/** What clients of the HTTP services see while the database changes hands. */
export function failoverSuite(provided: () => RunningLab): void {
  describe('clients of both services, while the database fails over', () => {
    let lab: RunningLab;
    beforeAll(() => {
      lab = provided();
    });

    const timeline = async () => (await patroniOf(lab, lab.cluster.primary)).leader?.timeline ?? 0;

    it('get no error and lose nothing in a planned switchover', async () => {
      const before = await leaderOf(lab);
      const candidate = membersOf(lab.cluster.primary).find(({ name }) => name !== before)?.name ?? '';
      const { verdict } = await underLoad(lab, 'planned switchover', async () => {
        const patronictl = ['patronictl', '-c', '/etc/patroni/config', 'switchover', lab.cluster.scope, '--force'];
        await runChecked(hostOf(lab, before), [...patronictl, '--leader', before, '--candidate', candidate]);
      });
      expectWhole(verdict, 20_000);
      expect(await leaderOf(lab)).toBe(candidate);
    });

    it('get no error and lose nothing when the postmaster is killed', async () => {
      const before = await timeline();
      const leader = await leaderOf(lab);
      const { verdict } = await underLoad(lab, 'postmaster killed', async () => {
        await runChecked(hostOf(lab, leader), ['pkill', '-KILL', '--oldest', '-u', 'postgres', '-x', 'postgres']);
      });
      expectWhole(verdict, 30_000);
      expect(await timeline()).toBeLessThanOrEqual(before + 1);
    });

    it('get no error and lose nothing when the primary machine loses power; it rejoins by itself', async () => {
      const leader = await leaderOf(lab);
      const { verdict } = await underLoad(lab, 'primary machine power cut', async () => {
        await pgha('lab', 'stop', leader, '--power-cut');
        const isReplaced = async () => (await leaderOf(lab)) !== leader;
        await waitUntil(isReplaced, { what: 'another machine to be the primary', timeoutMs: 90_000 });
        await pgha('lab', 'start', leader);
      });
      expectWhole(verdict, 60_000);
      expect(await leaderOf(lab)).not.toBe(leader);
    });

    it('leave the second region streaming', async () => {
      await waitForAllMembers(lab.cluster, lab.access.ca);
    });
  });
}
