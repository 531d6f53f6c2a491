import { diskLimits, membersOf } from '@pgha/infra/cluster';
import { patroniPrefix } from '@pgha/infra/machines';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChecked } from '../../src/hosts/host.ts';
import { withLab } from '../../src/installation/lab.ts';
import { faults, fillVolume, freeVolume } from '../../src/lab/faults.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { hostOf, leaderOf, provideLab, type RunningLab, runPgha } from './running-lab.ts';
import { underLoad } from './under-load.ts';

let lab: RunningLab;
beforeAll(async () => {
  lab = await provideLab({ dr: 'none', dataVolumes: true });
});
afterAll(() => lab?.end());

const names = () => membersOf(lab.cluster.primary).map(({ name }) => name);

describe('a primary whose data volume is full', () => {
  it('stays while no other member has free disk space, and status says so with the alert', async () => {
    const leader = await leaderOf(lab);
    try {
      for (const name of names().filter((each) => each !== leader)) await fillVolume(hostOf(lab, name), 0.05);
      const told = async (name: string) =>
        JSON.parse(
          await runChecked(hostOf(lab, 'etcd-1'), [
            'pgha-etcdctl',
            'get',
            '--print-value-only',
            `${patroniPrefix}${lab.cluster.scope}-space/members/${name}`,
          ]),
        ) as { used: number };
      for (const name of names().filter((each) => each !== leader)) {
        const isTold = async () => (await told(name)).used > diskLimits.almostFull;
        await waitUntil(isTold, { what: `${name} to tell that it is full`, timeoutMs: 60_000, everyMs: 1_000 });
      }
      // PostgreSQL works on: only the limit is passed
      await fillVolume(hostOf(lab, leader), 0.015);
      const isTold = async () => {
        const { stdout } = await runPgha(['status', '--lab', '--json']);
        const { findings } = JSON.parse(stdout) as { findings: readonly { what: string; alert?: string }[] };
        const found = findings.find(({ alert }) => alert === 'PrimaryDiskFull');
        return found?.what.match(/switchover: pg-\d is 9\d% full; pg-\d is 9\d% full/) != null;
      };
      await waitUntil(isTold, { what: 'the finding of the full disk', timeoutMs: 180_000, everyMs: 2_000 });
      expect(await leaderOf(lab)).toBe(leader);
    } finally {
      for (const name of names()) await freeVolume(hostOf(lab, name));
    }
  });

  it('is handed over under load; nothing is lost, and nothing has an unknown outcome', async () => {
    const leader = await leaderOf(lab);
    const { verdict } = await underLoad(lab, faults['disk-full'].summary, () =>
      withLab(lab.places, new AbortController().signal, (installation) =>
        faults['disk-full'].cause(installation, () => undefined),
      ),
    );
    expect(verdict.lost).toEqual([]);
    expect(verdict.duplicated).toEqual([]);
    expect(verdict.isValid).toBe(true);
    // writes between the full disk and the handover are refused: they never ran
    expect(verdict.counts.unknown).toBe(0);
    expect(verdict.longestGap.lengthMs).toBeLessThan(30_000);
    expect(await leaderOf(lab)).not.toBe(leader);
  });
});
