import { loadBalancerListeners, membersOf } from '@pgha/infra/cluster';
import { patroniConfigDirectory } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { mergeDynamicConfig } from '../../src/clients/patronictl.ts';
import type { ApplyDifference } from '../../src/commands/apply.ts';
import { runChecked } from '../../src/hosts/host.ts';
import { connectThroughLoadBalancer } from '../../src/lab/access.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import type { MachineDifference } from '../../src/operations/apply.ts';
import type { Finding } from '../../src/operations/status/finding.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { ask, hostOf, leaderOf, pgha, type RunningLab, runPgha } from './running-lab.ts';

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

    it('keeps wal_level and the logical slot that an operator set, says so, and every member still starts', async () => {
      const lab = provided();
      const leader = await leaderOf(lab);
      const host = hostOf(lab, leader);
      const { database, scope } = lab.cluster;
      const region = lab.cluster.primary.awsRegion;
      const patronictl = (...argv: string[]) => runChecked(host, ['patronictl', '-c', patroniConfigDirectory, ...argv]);
      const restartAll = async () => {
        await patronictl('restart', scope, '--force');
        await waitForAllMembers(lab.cluster, lab.access.ca, new AbortController().signal);
      };
      const slots = () => ask(lab, leader, "select count(*) from pg_replication_slots where slot_name = 'etl'");
      const shown = async () =>
        (JSON.parse(await pgha('apply', '--lab', '--dry-run', '--json')) as ApplyDifference[]).find(
          (each) => each.machine === null && each.region === region,
        );
      await mergeDynamicConfig(host, {
        ttl: 40,
        postgresql: { parameters: { wal_level: 'logical' } },
        slots: { etl: { type: 'logical', database, plugin: 'pgoutput' } },
      });
      try {
        await restartAll();
        await waitUntil(async () => (await slots()) === '1', {
          what: `the logical slot on ${leader}`,
          timeoutMs: 60_000,
          everyMs: 1_000,
        });
        const before = await shown();
        expect(before?.settings).toMatchObject([{ key: 'ttl', now: '40' }]);
        const kept = [
          {
            key: 'postgresql.parameters.wal_level',
            now: 'logical',
            wanted: 'replica',
            why: expect.stringContaining(`etl on ${leader}`),
          },
          { key: 'slots.etl', wanted: null },
        ];
        expect(before?.kept).toMatchObject(kept);
        await pgha('apply', '--lab', '--yes');
        const after = await shown();
        expect(after?.settings).toEqual([]);
        expect(after?.kept).toMatchObject(kept);
        await restartAll();
        expect(await ask(lab, leader, 'show wal_level')).toBe('logical');
      } finally {
        await mergeDynamicConfig(host, { postgresql: { parameters: { wal_level: 'replica' } }, slots: { etl: null } });
        await waitUntil(async () => (await slots()) === '0', {
          what: `${leader} to drop the logical slot`,
          timeoutMs: 60_000,
          everyMs: 1_000,
        });
        await restartAll();
      }
      expect(await shown()).toBeUndefined();
    });
  });

  describe('a durability setting that is overridden', () => {
    /** Waits until `pgha status` names it, or no longer does. */
    const finding = (pattern: RegExp, isThere: boolean): Promise<Finding | 'gone'> =>
      waitUntil(
        async () => {
          const { stdout } = await runPgha(['status', '--lab', '--json']);
          const found = (JSON.parse(stdout) as { findings: Finding[] }).findings.find(({ what }) => pattern.test(what));
          return isThere ? (found ?? null) : found === undefined ? 'gone' : null;
        },
        {
          what: `status ${isThere ? 'to name' : 'to be without'} ${pattern.source}`,
          timeoutMs: 60_000,
          everyMs: 1_000,
        },
      );
    /** What a remedy says to run on a machine. */
    const runPrinted = async (lab: RunningLab, found: Finding | 'gone', pattern: RegExp) => {
      const { remedy } = found === 'gone' ? expect.fail('no finding') : found;
      const [, machine = '', script = ''] = pattern.exec(remedy) ?? expect.fail(remedy);
      await runChecked(hostOf(lab, machine), ['bash', '-c', script]);
    };

    it('is named within a minute where it was left in postgresql.auto.conf, and the printed command takes it back', async () => {
      const lab = provided();
      const leader = await leaderOf(lab);
      const path = `${await ask(lab, leader, 'show data_directory')}/postgresql.auto.conf`;
      // ALTER SYSTEM is refused: this is what was left of before
      const append = `printf "synchronous_standby_names = ''\\n" >> ${path}`;
      await runChecked(hostOf(lab, leader), ['runuser', '-u', 'postgres', '--', 'bash', '-c', append]);
      await ask(lab, leader, 'select pg_reload_conf()');
      try {
        const found = await finding(new RegExp(`^${leader}: synchronous_standby_names = ''`), true);
        expect(found).toMatchObject({ what: expect.stringContaining(path) });
        await runPrinted(lab, found, /only on (\S+): (.+)$/);
      } finally {
        // without it no later test would have a synchronous standby; it does nothing when the line is gone
        await runChecked(hostOf(lab, leader), [
          '/usr/local/sbin/pgha-durability',
          'take-back',
          'synchronous_standby_names',
        ]);
      }
      await finding(/synchronous_standby_names/, false);
      const names = await ask(lab, leader, 'show synchronous_standby_names');
      expect(names).not.toBe('');
    });

    it('of the database is named, while a pooled session waits for a standby all the same', async () => {
      const lab = provided();
      const leader = await leaderOf(lab);
      const { database } = lab.cluster;
      await ask(lab, leader, `alter database ${database} set synchronous_commit = off`);
      const found = await finding(/^database \S+: synchronous_commit = 'off' \(ALTER DATABASE\)/, true);
      expect(await Promise.all([showThrough(lab, 'pooled'), showThrough(lab, 'read/write')])).toEqual(['on', 'off']);
      await runPrinted(lab, found, /^on (\S+): (.+?); open sessions/);
      await finding(/synchronous_commit/, false);
      expect(await showThrough(lab, 'read/write')).toBe('on');
    });

    /** What a new session of the application sees, through the pooler or beside it. */
    async function showThrough({ cluster, access }: RunningLab, purpose: string): Promise<string> {
      const port = loadBalancerListeners.find((each) => each.purpose.startsWith(purpose))?.port ?? 0;
      const client = await connectThroughLoadBalancer(cluster, cluster.primary, access, port);
      try {
        const { rows } = await client.query<{ synchronous_commit: string }>('show synchronous_commit');
        return rows[0]?.synchronous_commit ?? '';
      } finally {
        await client.end();
      }
    }
  });
}
