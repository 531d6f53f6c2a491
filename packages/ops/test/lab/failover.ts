import { beforeAll, describe, expect, it } from 'vitest';
import { withLab } from '../../src/installation/lab.ts';
import { type Fault, faults } from '../../src/lab/faults.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import { leaderOf, patroniOf, type RunningLab } from './running-lab.ts';
import { expectWhole, underLoad } from './under-load.ts';

/** What clients of the HTTP services see while the database changes hands. */
export function failoverSuite(provided: () => RunningLab): void {
  describe('clients of both services, while the database fails over', () => {
    let lab: RunningLab;
    beforeAll(() => {
      lab = provided();
    });

    const timeline = async () => (await patroniOf(lab, lab.cluster.primary)).leader?.timeline ?? 0;

    const causing = (fault: Fault) =>
      underLoad(lab, fault.summary, () =>
        withLab(lab.places, new AbortController().signal, (installation) => fault.cause(installation, () => undefined)),
      );

    it('get no error and lose nothing in a planned switchover', async () => {
      const before = await leaderOf(lab);
      const { verdict } = await causing(faults.switchover);
      expectWhole(verdict, 20_000);
      expect(await leaderOf(lab)).not.toBe(before);
    });

    it('get no error and lose nothing when the postmaster is killed', async () => {
      const before = await timeline();
      const { verdict } = await causing(faults.postmaster);
      expectWhole(verdict, 30_000);
      expect(await timeline()).toBeLessThanOrEqual(before + 1);
    });

    it('get no error and lose nothing when the primary machine loses power; it rejoins by itself', async () => {
      const leader = await leaderOf(lab);
      const { verdict } = await causing(faults['power-cut']);
      expectWhole(verdict, 60_000);
      expect(await leaderOf(lab)).not.toBe(leader);
    });

    it('leave the second region streaming', async () => {
      await waitForAllMembers(lab.cluster, lab.access.ca);
    });
  });
}
