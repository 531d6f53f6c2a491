import { membersOf, type Region } from '@pgha/infra/cluster';
import { patroniConfigDirectory, standbySlotOf } from '@pgha/infra/machines';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChecked } from '../../src/hosts/host.ts';
import { findLeader } from '../../src/lab/machines.ts';
import { restartMachine, stopMachine } from '../../src/lab/power.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import { secondRegionOf } from '../../src/operations/dr/view.ts';
import type { Finding } from '../../src/operations/status/finding.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { ask, hostOf, leaderOf, patroniOf, pgha, type RunningLab, runPgha } from './running-lab.ts';

/**
 * From the promotion of another member: an attempt to connect to a dead host ends after 7 s (tcp_syn_retries = 2), and the next
 * host of the list is tried within it. It was 127 s with the kernel's own number of retries. The rest is a busy computer.
 */
const followsWithinMs = 30_000;
/** The lease, and what a busy computer adds. */
const promotedWithinMs = 120_000;
/** An absent standby is named after two minutes. */
const namedWithinMs = 240_000;

/** What the standby region does when its upstream fails, and what happens to its slot while it is down itself. */
export function regionStandbySuite(provided: () => RunningLab): void {
  describe('a standby region', () => {
    let lab: RunningLab;
    let home: Region;
    let away: Region;
    beforeAll(() => {
      lab = provided();
      home = lab.cluster.primary;
      away = secondRegionOf(lab.cluster);
    });

    const everybodyStreams = () => waitForAllMembers(lab.cluster, lab.access.ca, new AbortController().signal);

    it(`follows the next primary within ${followsWithinMs / 1_000} s when the first host of its list is dead`, async () => {
      const [first = expect.fail('no member')] = membersOf(home);
      if ((await leaderOf(lab)) !== first.name) await pgha('switchover', '--to', first.name, '--lab');
      await everybodyStreams();
      const follower = (await patroniOf(lab, away)).leader?.name ?? expect.fail('no standby leader');
      const upstream = () =>
        ask(lab, follower, "select sender_host from pg_stat_wal_receiver where status = 'streaming'").catch(() => '');
      expect(await upstream()).toBe(first.hostname);
      await stopMachine(lab.places, first.name, 'power-cut');
      try {
        await waitUntil(async () => (await leaderOf(lab).catch(() => first.name)) !== first.name, {
          what: `another member than ${first.name} to be the primary`,
          timeoutMs: promotedWithinMs,
          everyMs: 500,
        });
        const promotedAt = Date.now();
        const primary = await leaderOf(lab);
        const hostname = membersOf(home).find(({ name }) => name === primary)?.hostname;
        await waitUntil(async () => (await upstream()) === hostname, {
          what: `${follower} to stream from ${primary}`,
          timeoutMs: followsWithinMs,
          everyMs: 500,
        });
        console.log(
          `${follower} streams from ${primary} ${((Date.now() - promotedAt) / 1_000).toFixed(1)} s after its promotion`,
        );
      } finally {
        await restartMachine(lab.places, first.name);
      }
      await everybodyStreams();
    });

    it('that is off is named with the vacuum that its slot holds back, and the printed command ends it', async () => {
      await everybodyStreams();
      for (const { name } of membersOf(away)) await stopMachine(lab.places, name, 'power-cut');
      const leader = await leaderOf(lab);
      const slot = standbySlotOf(away);
      const found = await finding(new RegExp(`slot ${slot} has been inactive for \\d+ .* holds back vacuum`));
      const [, statement = '', machine = ''] =
        /(select pg_drop_replication_slot\('\w+'\)) on (\S+),/.exec(found.remedy) ?? expect.fail(found.remedy);
      expect(machine).toBe(leader);
      await ask(lab, machine, statement);
      const recreated = `select count(*) from pg_replication_slots where slot_name = '${slot}' and xmin is null`;
      await waitUntil(async () => (await ask(lab, leader, recreated)) === '1', {
        what: `Patroni to create the slot ${slot} without an xmin`,
        timeoutMs: 60_000,
        everyMs: 1_000,
      });
    });

    it('whose slot was invalidated meanwhile is named, and what status prints reserves WAL for it again', async () => {
      const leader = await leaderOf(lab);
      const slot = standbySlotOf(away);
      const host = hostOf(lab, leader);
      // a machine's own file: what depends on its disk is not in etcd
      const small = `${patroniConfigDirectory}/40-small-slots.yml`;
      const reload = () => runChecked(host, ['systemctl', 'reload', 'patroni.service']);
      const walStatus = () =>
        ask(
          lab,
          leader,
          `select coalesce(invalidation_reason, wal_status) from pg_replication_slots where slot_name = '${slot}'`,
        );
      await host.writeFile(small, 'postgresql: {parameters: {max_slot_wal_keep_size: 64MB}}\n');
      await reload();
      await waitUntil(async () => (await ask(lab, leader, 'show max_slot_wal_keep_size')) === '64MB', {
        what: 'the small max_slot_wal_keep_size',
        timeoutMs: 60_000,
        everyMs: 1_000,
      });
      await waitUntil(
        async () => {
          // each switch completes a segment; more than wal_keep_size of them, and a checkpoint, invalidate
          const fill = "perform pg_logical_emit_message(false, 'fill', 'x'); perform pg_switch_wal();";
          await ask(lab, leader, `do $$ begin for each in 1..20 loop ${fill} end loop; end $$`);
          await ask(lab, leader, 'checkpoint');
          return (await walStatus()) === 'wal_removed';
        },
        { what: `the slot ${slot} to be invalidated`, timeoutMs: 120_000, everyMs: 200 },
      );
      await startFollowers();
      await runChecked(host, ['rm', small]);
      await reload();
      const found = await finding(new RegExp(`slot ${slot} is invalidated`));
      const [printed = expect.fail(found.remedy)] = /pgha dr rejoin(?: --rebuild)?/.exec(found.remedy) ?? [];
      const { code, stderr } = await runPgha([...printed.split(' ').slice(1), '--yes', '--lab']);
      expect(code, stderr).toBe(0);
      expect(await walStatus()).toBe('reserved');
      await everybodyStreams();
      await noFinding(new RegExp(`slot ${slot}`));
    });

    const startFollowers = async () => {
      for (const { name } of membersOf(away)) {
        if ((await findLeader(lab.groups, name)) === null) await restartMachine(lab.places, name);
      }
    };
    // whatever failed, the next suite finds a standby region
    afterAll(startFollowers);

    const findings = async (): Promise<readonly Finding[]> => {
      const { stdout } = await runPgha(['status', '--lab', '--json']);
      return (JSON.parse(stdout) as { findings: Finding[] }).findings;
    };
    const finding = (pattern: RegExp): Promise<Finding> =>
      waitUntil(async () => (await findings()).find(({ what }) => pattern.test(what)) ?? null, {
        what: `status to name ${pattern.source}`,
        timeoutMs: namedWithinMs,
        everyMs: 2_000,
      });
    const noFinding = (pattern: RegExp) =>
      waitUntil(async () => !(await findings()).some(({ what }) => pattern.test(what)), {
        what: `status without ${pattern.source}`,
        timeoutMs: namedWithinMs,
        everyMs: 2_000,
      });
  });
}
