import { membersOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import type { MachineDifference } from '../../src/operations/apply.ts';
import { hostOf, leaderOf, pgha, type RunningLab } from './running-lab.ts';

/** Machines that are no longer what the cluster's value says. */
export function driftSuite(provided: () => RunningLab): void {
  describe('pgha apply', () => {
    it('finds what somebody changed by hand on two machines, shows it and puts it right', async () => {
      const lab = provided();
      const leader = await leaderOf(lab);
      const replica = membersOf(lab.cluster.primary).find(({ name }) => name !== leader)?.name ?? '';
      const changes = [
        { machine: 'bastion-1', path: '/etc/ssh/sshd_config.d/10-pgha.conf', line: 'PermitRootLogin yes' },
        { machine: replica, path: '/etc/haproxy/haproxy.cfg', line: '# changed by hand' },
      ];
      for (const { machine, path, line } of changes) {
        const before = await hostOf(lab, machine).readFile(path);
        await hostOf(lab, machine).writeFile(path, `${before}${line}\n`);
      }
      const differences = async () =>
        JSON.parse(await pgha('apply', '--lab', '--dry-run', '--json')) as MachineDifference[];
      const found = await differences();
      expect(found.map(({ machine }) => machine).sort()).toEqual(['bastion-1', replica].sort());
      for (const { machine, path, line } of changes) {
        const difference = found.find((each) => each.machine === machine);
        expect(difference?.files).toEqual([{ path, diff: expect.stringContaining(`\n-${line}\n`) }]);
      }
      await pgha('apply', '--lab', '--yes');
      expect(await differences()).toEqual([]);
      expect(await leaderOf(lab)).toBe(leader);
    });
  });
}
