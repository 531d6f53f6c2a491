import { membersOf } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import { etcdOn } from '../../src/clients/etcd.ts';
import { healthyEndpoints, listEtcdMembers } from '../../src/clients/etcd-members.ts';
import { waitForAllMembers, waitForMembers } from '../../src/lab/readiness.ts';
import type { ClusterStatus } from '../../src/operations/status/status.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { offerNewerVersion, withdrawOffers } from './offer-upgrade.ts';
import { startPooledClients } from './pooled-clients.ts';
import { untilQuiet } from './quiet-status.ts';
import { openRunbook } from './runbook.ts';
import { ask, type Ended, hostOf, leaderOf, patroniOf, pgha, type RunningLab, runPgha } from './running-lab.ts';
import { expectWhole, underLoad } from './under-load.ts';

/** What a person does with a cluster, by command, while clients use it. */
export function operationsSuite(provided: () => RunningLab): void {
  let lab: RunningLab;
  beforeAll(() => {
    lab = provided();
  });
  const pages = {
    switchover: openRunbook('switchover.md'),
    failover: openRunbook('failover.md'),
    nodes: openRunbook('nodes.md'),
    upgrade: openRunbook('upgrade-minor.md'),
  };
  const status = async () => JSON.parse(await pgha('status', '--lab', '--json').catch(stdoutOf)) as ClusterStatus;

  describe('pgha status', () => {
    it('finds nothing that needs a person in a cluster that is well', async () => {
      const { acting, regions } = await untilQuiet(status);
      expect(acting).toBe('us-east-1');
      expect(regions.map(({ role }) => role)).toEqual(['acting', 'standby']);
      const leader = await leaderOf(lab);
      const names = membersOf(lab.cluster.primary).map(({ name }) => name);
      expect(regions[0]?.routes).toMatchObject(
        names.map((machine) => ({
          machine,
          router: { primary: [leader], replica: names.filter((name) => name !== leader) },
          pooler: { paused: false, waiting: 0, maxWaitSeconds: 0 },
        })),
      );
    });
  });

  describe('pgha switchover', () => {
    it('costs clients of both services and of the pooler no error', async () => {
      const before = await leaderOf(lab);
      expect(done(await pages.switchover.run('pgha switchover --dry-run'))).toContain('Switch over from');
      expect(await leaderOf(lab)).toBe(before);
      const pooled = await startPooledClients(lab, 4);
      const { verdict } = await underLoad(lab, 'pgha switchover', async () => {
        done(await pages.switchover.run('pgha switchover'));
      });
      const { committed, errors } = await pooled.stop();
      console.log(`pooled clients: ${committed} commits, ${errors.length} errors`);
      expect(errors).toEqual([]);
      expectWhole(verdict, 20_000);
      expect(await leaderOf(lab)).not.toBe(before);
    });

    it('is refused to a second operator while one is at work, by name', async () => {
      const first = pgha('switchover', '--lab');
      const etcd = etcdOn([hostOf(lab, 'etcd-1')]);
      await waitUntil(async () => (await etcd.read('/pgha/operation')) !== null, {
        what: 'the first one to hold the lock',
        timeoutMs: 30_000,
        everyMs: 50,
      });
      await expect(pgha('switchover', '--lab')).rejects.toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/another operation is in progress: "pgha switchover", started by .*@/),
      });
      await first;
    });

    it('is gone on with after it was killed', async () => {
      const [member] = membersOf(lab.cluster.primary).filter(({ name }) => !name.endsWith('-2'));
      const candidate = (await leaderOf(lab)) === member?.name ? 'pg-2' : (member?.name ?? '');
      expect((await runPgha(['switchover', '--lab', '--to', candidate], /Switch over from/)).code).toBeNull();
      done(await pages.switchover.run('pgha switchover --to pg-2', { 'pg-2': candidate }));
      expect(await leaderOf(lab)).toBe(candidate);
      done(await pages.switchover.run('pgha status'));
      const runs = await pgha('operations', 'list', '--lab');
      expect(runs).not.toContain('Interrupted');
      expect(runs).toMatch(new RegExp(`done +pgha switchover --to ${candidate}`));
    });
  });

  describe('pgha failover', () => {
    it('promotes nobody who could lack an acknowledged commit, until a person agrees', async () => {
      const leader = await leaderOf(lab);
      const [second, third] = membersOf(lab.cluster.primary)
        .map(({ name }) => name)
        .filter((name) => name !== leader);
      if (second === undefined || third === undefined) return expect.fail('three members');
      await expect(pgha('failover', '--lab', '--to', second, '--yes')).rejects.toMatchObject({ code: 3 });
      await pgha('lab', 'stop', leader, '--power-cut');
      await pgha('lab', 'stop', second, '--power-cut');
      const isLeaderless = async () => (await patroniOf(lab, lab.cluster.primary)).leader === null;
      await waitUntil(isLeaderless, { what: 'the lease to run out', timeoutMs: 60_000, everyMs: 500 });
      expect(done(await pages.failover.run('pgha failover --dry-run'))).toContain(third);
      const refused = pgha('failover', '--lab', '--to', third, '--yes');
      await expect(refused).rejects.toMatchObject({
        code: 3,
        stderr: expect.stringContaining('may lose acknowledged commits'),
      });
      expect((await patroniOf(lab, lab.cluster.primary)).leader).toBeNull();
      done(await pages.failover.run('pgha failover --to pg-3 --accept-data-loss --yes', { 'pg-3': third }));
      expect(await leaderOf(lab)).toBe(third);
      await Promise.all([pgha('lab', 'start', leader), pgha('lab', 'start', second)]);
      const isBack = async () =>
        (await patroniOf(lab, lab.cluster.primary)).members.some(
          ({ name, state }) => name === leader && state === 'streaming',
        );
      await waitUntil(isBack, { what: `${leader} to follow`, timeoutMs: 180_000, everyMs: 500 });
      await pages.failover.run('pgha status');
      // it may have replayed what was lost, which nothing but a new copy takes out
      done(await pages.failover.run('pgha nodes reinit pg-2 --yes', { 'pg-2': second }));
      await waitForMembers(lab.cluster.primary, lab.access.ca);
    });

    it('leaves an archive that goes on, whoever is the primary next', async () => {
      await waitUntilAllConfirm(lab);
      for (const { name } of membersOf(lab.cluster.primary)) {
        if ((await leaderOf(lab)) !== name) await pgha('switchover', '--lab', '--to', name);
        const archived = async () => Number(await ask(lab, name, 'select archived_count from pg_stat_archiver'));
        const before = await archived();
        await ask(lab, name, 'checkpoint; select pg_switch_wal()');
        await waitUntil(async () => (await archived()) > before, {
          what: `${name} to archive`,
          timeoutMs: 90_000,
          everyMs: 500,
        });
      }
      await waitForAllMembers(lab.cluster, lab.access.ca);
      await waitUntilAllConfirm(lab);
    });
  });

  describe('pgha nodes', () => {
    it('puts a new etcd member and a new replica in the place of old ones, under load', async () => {
      const leader = await leaderOf(lab);
      const replica = membersOf(lab.cluster.primary).find(({ name }) => name !== leader)?.name ?? '';
      const { verdict } = await underLoad(lab, 'etcd member and replica replaced', async () => {
        done(await pages.nodes.run('pgha nodes replace etcd-2 --yes'));
        done(await pages.nodes.run('pgha nodes replace pg-2 --yes', { 'pg-2': replica }));
      });
      expectWhole(verdict, 20_000);
    });

    it('restarts, reboots and builds anew, and refuses the primary', async () => {
      const leader = await leaderOf(lab);
      const replica = membersOf(lab.cluster.primary).find(({ name }) => name !== leader)?.name ?? '';
      expect(done(await pages.nodes.run('pgha nodes list'))).toContain(replica);
      done(await pages.nodes.run('pgha nodes restart pg-2', { 'pg-2': replica }));
      done(await pages.nodes.run('pgha nodes restart etcd-1 --reboot'));
      await pgha('nodes', 'restart', 'api-1', '--lab');
      done(await pages.nodes.run('pgha nodes reinit pg-2 --yes', { 'pg-2': replica }));
      for (const verb of ['restart', 'replace', 'reinit']) {
        await expect(
          pgha('nodes', verb, leader, '--lab', ...(verb === 'restart' ? [] : ['--yes'])),
        ).rejects.toMatchObject({
          code: 3,
          stderr: expect.stringContaining('is the primary. Switch over first'),
        });
      }
    });

    it('takes the third member out and brings it in again', async () => {
      if ((await leaderOf(lab)) === 'pg-3') await pgha('switchover', '--lab', '--to', 'pg-1');
      await pgha('lab', 'resize', '--nodes', '2');
      done(await pages.nodes.run('pgha nodes remove pg-3 --yes'));
      expect((await patroniOf(lab, lab.cluster.primary)).members.map(({ name }) => name).sort()).toEqual([
        'pg-1',
        'pg-2',
      ]);
      await pgha('lab', 'resize', '--nodes', '3');
      done(await pages.nodes.run('pgha nodes add pg-3 --yes'));
      await waitForMembers(lab.cluster.primary, lab.access.ca);
    });
  });

  describe('pgha nodes, of etcd', () => {
    const counted = async () =>
      (await listEtcdMembers(hostOf(lab, 'etcd-1'))).map(({ name, hasStarted }) => hasStarted && name).sort();

    it('takes two more members in, which answer like the others, and out again', async () => {
      const startedAt = performance.now();
      await pgha('lab', 'resize', '--etcd', '5');
      done(await pages.nodes.run('pgha nodes add etcd-4 --yes'));
      done(await pages.nodes.run('pgha nodes add etcd-5 --yes'));
      expect(await counted()).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4', 'etcd-5']);
      expect(await healthyEndpoints(hostOf(lab, 'etcd-1'))).toHaveLength(5);
      await pgha('lab', 'resize', '--etcd', '3');
      done(await pages.nodes.run('pgha nodes remove etcd-5 --yes'));
      done(await pages.nodes.run('pgha nodes remove etcd-4 --yes'));
      expect(await counted()).toEqual(['etcd-1', 'etcd-2', 'etcd-3']);
      expect(await healthyEndpoints(hostOf(lab, 'etcd-1'))).toHaveLength(3);
      console.log(`two etcd members in and out: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
    });
  });

  describe('pgha upgrade minor', () => {
    it('upgrades etcd, replicas and last the primary, and clients see no error', async () => {
      const leader = await leaderOf(lab);
      const replica = membersOf(lab.cluster.primary).find(({ name }) => name !== leader)?.name ?? '';
      const offers = [
        ['etcd-1', 'etcd-server'],
        [replica, 'patroni'],
        [leader, 'patroni'],
      ] as const;
      await Promise.all(offers.map(([machine, name]) => offerNewerVersion(hostOf(lab, machine), name)));
      expect(done(await pages.upgrade.run('pgha upgrade minor --dry-run'))).toContain('etcd-1');
      const startedAt = performance.now();
      const { verdict } = await underLoad(lab, 'minor upgrade', async () => {
        done(await pages.upgrade.run('pgha upgrade minor --yes'));
      });
      console.log(
        `minor upgrade of ${offers.length} machines: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`,
      );
      expectWhole(verdict, 30_000);
      const after = done(await pages.upgrade.run('pgha upgrade minor --dry-run'));
      expect(after).toContain('no updates: every node has the newest versions');
      await pages.upgrade.run('pgha status');
      await Promise.all(offers.map(([machine]) => withdrawOffers(hostOf(lab, machine))));
    });
  });

  describe('what needs no change', () => {
    it('opens psql by the role that fits, finds nothing to migrate, and keeps what its load was promised', async () => {
      const query = "select current_user || ' ' || pg_is_in_recovery()";
      expect(await pgha('connect', 'ro', '--lab', '--', '-Atc', query)).toBe('readonly_a true\n');
      expect(await pgha('connect', 'pooled', '--lab', '--', '-Atc', query)).toBe('app_a false\n');
      expect(await pgha('migrate', '--lab')).toBe('the schema is up to date\n');
      expect(await pgha('load', '--lab', '--seconds', '5')).toMatch(/ 0 refused, 0 unknown, 0 lost, 0 duplicates/);
      expect(await pgha('doctor', '--lab')).toContain('✔ lab prerequisites');
    });
  });

  describe('the runbook', () => {
    it('has no command that was not run above', () => {
      expect(Object.values(pages).flatMap((page) => page.unrun())).toEqual([]);
    });
  });
}

/** Waits until every member but the primary confirms commits, so that any of them may be the next primary. */
async function waitUntilAllConfirm(lab: RunningLab): Promise<void> {
  await waitUntil(
    async () => {
      const { members } = await patroniOf(lab, lab.cluster.primary);
      const away = members.filter(
        ({ role, state }) => role !== 'leader' && !(role === 'quorum_standby' && state === 'streaming'),
      );
      if (members.length === membersOf(lab.cluster.primary).length && away.length === 0) return true;
      throw new Error(away.map(({ name, role, state }) => `${name} is a ${role}, ${state}`).join('; '));
    },
    { what: 'every member to confirm commits', timeoutMs: 180_000, everyMs: 500 },
  );
}

/** What a command printed that has to have done its work. */
function done({ code, stdout, stderr }: Ended): string {
  expect(code, stderr).toBe(0);
  return stdout;
}

/** What a command printed although it ended with 1. */
const stdoutOf = (error: { stdout?: string }) => error.stdout ?? '';
