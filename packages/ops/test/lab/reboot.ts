import { allNodes } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { runChecked } from '../../src/hosts/host.ts';
import { waitForAllMembers, waitForMembers } from '../../src/lab/readiness.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { hostOf, leaderOf, pgha, type RunningLab } from './running-lab.ts';

/** Machines that are switched off and on again. */
export function rebootSuite(provided: () => RunningLab): void {
  describe('a second boot', () => {
    it('changes nothing on any machine', async () => {
      const lab = provided();
      // one machine of each kind at a time, the primary last: the database goes on while its machines reboot
      const leader = await leaderOf(lab);
      const rounds = new Map<string, number>();
      for (const { name, role } of allNodes(lab.cluster)) {
        const before = [...rounds].filter(([other]) => other.startsWith(`${role} `)).length;
        rounds.set(`${role} ${name}`, name === leader ? Number.MAX_SAFE_INTEGER : before);
      }
      const order = [...new Set(rounds.values())].sort((a, b) => a - b);
      for (const round of order) {
        const names = [...rounds].filter(([, each]) => each === round).map(([key]) => key.split(' ')[1] ?? '');
        await Promise.all(names.map((name) => pgha('lab', 'stop', name)));
        await Promise.all(names.map((name) => pgha('lab', 'start', name)));
        for (const name of names) expect(await changesOfLastBoot(lab, name), name).toEqual(nothing);
        await waitForMembers(lab.cluster.primary, lab.access.ca);
      }
      await waitForAllMembers(lab.cluster, lab.access.ca);
    });
  });
}

const nothing = { packages: [], files: [], removed: [], actions: {}, units: [] };

/** What `pgha-machine` reported of its run at this boot. */
function changesOfLastBoot(lab: RunningLab, name: string): Promise<unknown> {
  return waitUntil(
    async () => {
      const journal = ['journalctl', '--quiet', '-b', '-t', 'pgha-machine', '-o', 'cat'];
      const lines = (await runChecked(hostOf(lab, name), journal)).split('\n');
      const report = lines.find((line) => line.startsWith('{'));
      return report === undefined ? null : (JSON.parse(report) as unknown);
    },
    { what: `the second boot of ${name}`, timeoutMs: 120_000, everyMs: 500 },
  );
}
