import { membersOf } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import { judge } from '../../src/chaos/checker.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import { readFinalState } from '../../src/operations/load.ts';
import type { PlacedScratch } from '../../src/operations/restore/scratch.ts';
import { say } from '../../src/operations/restore/target.ts';
import { waitForFirstBackups } from './first-backups.ts';
import { expectMoment, startLedger } from './ledger.ts';
import { ask, hostOf, leaderOf, type RunningLab, runPgha } from './running-lab.ts';

const gigabyte = 1_000_000_000;
const table = 'gigabyte';
/** Files that are restored side by side, as those of a database with more than one table are. */
const parts = 8;
/** Rows of a kilobyte, a hundred megabytes at a time; hexadecimal digits compress to half, as text does. */
const insertBatch = `insert into ${table} (text)
  select string_agg(encode(sha512(format('%s %s %s', random(), row, part)::bytea), 'hex'), '')
  from generate_series(1, 100000) row, generate_series(1, 8) part group by row`;
const sum = `select count(*), sum(hashtextextended(text, id)) from ${table}`;
/** Filling, two restores and three full backups, all of it on two cores. */
const busyTimeoutMs = 1_500_000;

/** How long a gigabyte takes: the recovery time that a bigger database's can be reckoned from. */
export function restoreTimeSuite(provided: () => RunningLab): void {
  describe('a restore of a gigabyte', () => {
    let lab: RunningLab;
    let content: string;
    const run = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await runPgha([...args, '--lab']);
      expect(code, stderr).toBe(0);
      return stdout;
    };
    const secondsSince = (startedAt: number) => ((Date.now() - startedAt) / 1000).toFixed(0);

    beforeAll(async () => {
      lab = provided();
      await waitForFirstBackups(lab);
      const leader = await leaderOf(lab);
      const size = async () => Number(await ask(lab, leader, 'select pg_database_size(current_database())'));
      await ask(
        lab,
        leader,
        `create table ${table} (id int generated always as identity primary key, text text) partition by hash (id)`,
      );
      for (let part = 0; part < parts; part += 1) {
        const values = `for values with (modulus ${parts}, remainder ${part})`;
        await ask(lab, leader, `create table ${table}_${part} partition of ${table} ${values}`);
      }
      while ((await size()) < gigabyte) await ask(lab, leader, insertBatch);
      content = await ask(lab, leader, sum);
      const startedAt = Date.now();
      await run('backup', 'create', '--type', 'full', '--repo', '1');
      const bytes = (await size()) / gigabyte;
      console.log(`a full backup of ${bytes.toFixed(2)} GB into repository 1: ${secondsSince(startedAt)} s`);
    }, busyTimeoutMs);

    it(
      'is there beside a replica',
      async () => {
        const ledger = startLedger(lab, 'gigabyte-scratch');
        const moment = await ledger.middle();
        const startedAt = Date.now();
        await run('restore', say(moment));
        console.log(`a restore of a gigabyte into scratch: ${secondsSince(startedAt)} s`);
        await ledger.workload.stop();
        const listed = await run('restore', 'list', '--json');
        const [{ name, machine, connection }] = (JSON.parse(listed) as { scratches: [PlacedScratch] }).scratches;
        const psql = ['runuser', '-u', 'postgres', '--', 'psql', '-XAt', '-c', sum, connection];
        const { stdout } = await hostOf(lab, machine).run(psql);
        expect(stdout.trim()).toBe(content);
        await run('restore', 'drop', name);
      },
      busyTimeoutMs,
    );

    it(
      'is there in place, and takes writes again',
      async () => {
        const ledger = startLedger(lab, 'gigabyte-in-place');
        const moment = await ledger.middle();
        const startedAt = Date.now();
        await run('restore', say(moment), '--into', 'in-place', '--yes');
        const wholeSeconds = secondsSince(startedAt);
        await ledger.more(40);
        const history = await ledger.workload.stop();
        await waitForAllMembers(lab.cluster, lab.access.ca);
        const members = membersOf(lab.cluster.primary).map(({ name }) => hostOf(lab, name));
        const reads = await readFinalState(members, lab.cluster.database, ledger.run);
        const { longestGap } = judge(history, reads);
        const writesAfter = (longestGap.beganAtMs + longestGap.lengthMs - startedAt) / 1000;
        console.log(
          `a restore of a gigabyte in place: the first write after ${writesAfter.toFixed(0)} s (RTO), none was acknowledged for ` +
            `${(longestGap.lengthMs / 1000).toFixed(0)} s; every member, the other region and new full backups after ${wholeSeconds} s`,
        );
        for (const { keys } of reads) expectMoment(history, keys, moment, longestGap.beganAtMs);
        expect(await ask(lab, await leaderOf(lab), sum)).toBe(content);
      },
      busyTimeoutMs,
    );
  });
}
