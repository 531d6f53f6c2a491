import { beforeAll, describe, expect, it } from 'vitest';
import { runChecked } from '../../src/hosts/host.ts';
import { awsAddresses } from '../../src/lab/addresses.ts';
import { awsMachineName } from '../../src/lab/aws.ts';
import { type PlacedScratch, scratchName } from '../../src/operations/restore/scratch.ts';
import { say } from '../../src/operations/restore/target.ts';
import { thresholdOf } from '../../src/operations/status/thresholds.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { expectMoment, type Ledger, startLedger } from './ledger.ts';
import { openRunbook, type Runbook } from './runbook.ts';
import { ask, hostOf, leaderOf, type RunningLab, runPgha } from './running-lab.ts';

const example = '2025-01-15T14:30:00+00:00';
const exampleName = 'at-20250115t143000-repo1';

/** A table with partitions below a name that has to be quoted, a foreign key to it, and a superuser's table. */
const partitioned = [
  'create table "Odd ""events""" (id int primary key, at timestamptz default now()) partition by range (id)',
  'create table odd_low partition of "Odd ""events""" for values from (0) to (500)',
  'create table odd_rest partition of "Odd ""events""" default',
  'insert into "Odd ""events""" select generate_series(1, 1000)',
  'create table mentions (event int constraint mentions_event references "Odd ""events""")',
  'alter table "Odd ""events""" owner to pgha_owner',
  'alter table odd_low owner to pgha_owner',
  'alter table odd_rest owner to pgha_owner',
  'alter table mentions owner to pgha_owner',
  'insert into mentions values (7), (700)',
  'create table admin_t (id int)',
];

/** What was there at a second, beside a replica. */
export function restoreScratchSuite(provided: () => RunningLab): void {
  describe('a restore into a scratch server', () => {
    let lab: RunningLab;
    let page: Runbook;
    beforeAll(() => {
      lab = provided();
      page = openRunbook('restore-into-scratch.md');
    });

    const scratches = async () => {
      const { stdout } = await runPgha(['restore', 'list', '--json', '--lab']);
      return (JSON.parse(stdout) as { scratches: readonly PlacedScratch[] }).scratches;
    };
    const find = async (name: string) =>
      (await scratches()).find((each) => each.name === name) ?? expect.fail(`no ${name}`);
    const query = ({ machine, connection }: PlacedScratch, statement: string) =>
      runChecked(hostOf(lab, machine), [
        'runuser',
        '-u',
        'postgres',
        '--',
        'psql',
        '-XAt',
        '-c',
        statement,
        connection,
      ]);
    const keysOf = async (scratch: PlacedScratch, { run }: Ledger) =>
      (await query(scratch, `select name from items where name like '${run}-%'`)).split('\n').filter(Boolean);
    const nameOf = (moment: Date, repository: number) => scratchName({ target: moment.toISOString(), repository });

    it('is refused without an offset, before the window and in the future, with the reason', async () => {
      const without = await runPgha(['restore', '2025-01-15T14:30:00', '--lab']);
      expect(without).toMatchObject({ code: 2, stdout: '' });
      expect(without.stderr).toContain('has no UTC offset');
      const early = await runPgha(['restore', '2025-01-15T14:30:00Z', '--lab']);
      expect(early.code).toBe(3);
      expect(early.stderr).toMatch(/is before the first backup; the recovery window of repository 1 is \S+Z to \S+Z/);
      const late = await runPgha(['restore', say(new Date(Date.now() + 3_600_000)), '--lab']);
      expect(late.code).toBe(3);
      expect(late.stderr).toContain('is in the future');
      expect(await scratches()).toEqual([]);
    });

    it('has every write that was acknowledged before the second and none after it, under load', async () => {
      const ledger = startLedger(lab, 'scratch');
      const moment = await ledger.middle();
      const startedAt = Date.now();
      const { code, stdout, stderr } = await runPgha(['restore', say(moment), '--lab']);
      console.log(`restore into scratch: ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
      await ledger.more(20);
      const history = await ledger.workload.stop();
      expect(code, stderr).toBe(0);
      const scratch = await find(nameOf(moment, 1));
      expect(stdout).toContain(scratch.connection);
      expectMoment(history, await keysOf(scratch, ledger), moment);
      expect(history.writes.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    });

    it('does not lead, is not archived, has no port, and takes no change, whatever it is told', async () => {
      const [scratch = expect.fail('no scratch server')] = await scratches();
      expect(scratch.machine).not.toBe(await leaderOf(lab));
      const settings = "'archive_mode', 'listen_addresses', 'default_transaction_read_only', 'cluster_name'";
      const shown = await query(scratch, `select setting from pg_settings where name in (${settings}) order by name`);
      expect(shown.split('\n')).toEqual(['off', `scratch ${scratch.name}`, 'on', '']);
      await expect(query(scratch, 'create table mistake (id int)')).rejects.toThrow('read-only transaction');
      // the setting is the session's own to change; the role is not
      const writing = (statement: string) =>
        query(scratch, `begin; set transaction_read_only = off; ${statement}; commit`);
      await expect(writing('create table mistake (id int)')).rejects.toThrow('permission denied for schema public');
      await expect(writing('create schema mistake')).rejects.toThrow('permission denied for database');
      await expect(writing('update items set name = name')).rejects.toThrow('permission denied for table items');
      await expect(writing('set role postgres')).rejects.toThrow('permission denied to set role');
    });

    it('is read by a role that no other server has, whose dump of a table is whole', async () => {
      const [scratch = expect.fail('no scratch server')] = await scratches();
      const dump = ['pg_dump', `--dbname=${scratch.connection}`, '--table=items', '--data-only'];
      const dumped = await runChecked(hostOf(lab, scratch.machine), ['runuser', '-u', 'postgres', '--', ...dump]);
      const rows = /^COPY [^\n]*\n([\s\S]*?)^\\\.$/m.exec(dumped)?.[1]?.split('\n').filter(Boolean) ?? [];
      expect(`${rows.length}`).toBe(await query(scratch, 'select count(*) from items'));
      const roles = "select count(*) from pg_roles where rolname = 'pgha_scratch_reader'";
      expect(await ask(lab, await leaderOf(lab), roles)).toBe('0');
    });

    it('brings a dropped table back to the second before, and is gone afterwards', async () => {
      const leader = await leaderOf(lab);
      await ask(lab, leader, 'create table orders (id int primary key, what text not null)');
      await ask(lab, leader, 'alter table orders owner to pgha_owner');
      await ask(lab, leader, "insert into orders select g, 'order ' || g from generate_series(1, 500) g");
      const sum = 'select count(*), sum(hashtext(orders::text)) from orders';
      const before = await ask(lab, leader, sum);
      for (const statement of partitioned) await ask(lab, leader, statement);
      const partsSum = `select count(*), sum(hashtext(e::text)), count(distinct tableoid) from "Odd ""events""" e`;
      const partsBefore = await ask(lab, leader, partsSum);
      // the second has to have begun behind the insert and to have passed before the drop
      const moment = new Date(Math.ceil((Date.now() + 50) / 1_000) * 1_000);
      await ask(lab, leader, `select pg_sleep(${(moment.getTime() - Date.now()) / 1_000 + 1})`);
      await ask(lab, leader, 'drop table orders');
      await ask(lab, leader, 'drop table "Odd ""events""" cascade');
      const restored = await page.run('pgha restore 2025-01-15T14:30:00+00:00', { [example]: say(moment) });
      expect(restored.code, restored.stderr).toBe(0);
      const name = nameOf(moment, 1);
      const listed = await page.run('pgha restore list');
      expect(listed.stdout).toMatch(new RegExp(`${name} +pg-\\d +ready`));
      const copied = await page.run('pgha restore copy at-20250115t143000-repo1 --table orders', {
        [exampleName]: name,
      });
      expect(copied).toMatchObject({ code: 0, stdout: 'public.orders: 500 rows\n' });
      expect(await ask(lab, leader, sum)).toBe(before);
      expect(await ask(lab, leader, "select relowner::regrole from pg_class where relname = 'orders'")).toBe(
        'pgha_owner',
      );
      const again = await runPgha(['restore', 'copy', name, '--table', 'orders', '--lab']);
      expect(again).toMatchObject({ code: 1 });
      expect(again.stderr).toContain('the primary has a table public.orders already; move it');
      const copy = ['restore', 'copy', name, '--table'];
      const parts = await runPgha([...copy, '"Odd ""events"""', '--json', '--lab']);
      expect(parts.code, parts.stderr).toBe(0);
      expect(JSON.parse(parts.stdout)).toMatchObject({ rows: 1_000, tables: [{}, {}], notes: [] });
      expect(await ask(lab, leader, partsSum)).toBe(partsBefore);
      const keys = "select count(*) from pg_constraint where conname = 'mentions_event' and convalidated";
      expect(await ask(lab, leader, keys)).toBe('1');
      // a table of nobody the owner may give it to, and none
      const foreign = await runPgha([...copy, 'admin_t', '--lab']);
      expect(foreign).toMatchObject({ code: 1 });
      expect(foreign.stderr).toContain('the primary has a table public.admin_t already');
      expect((await runPgha([...copy, 'nothing', '--lab'])).stderr).toContain('has no table public.nothing');
      const dropped = await page.run('pgha restore drop at-20250115t143000-repo1', { [exampleName]: name });
      expect(dropped.code).toBe(0);
      expect((await scratches()).map((each) => each.name)).not.toContain(name);
      await ask(lab, leader, 'drop table orders, mentions, admin_t, "Odd ""events"""');
    });

    it('comes from the second repository when the first one cannot be reached', async () => {
      const [first = expect.fail('no scratch server')] = await scratches();
      const moment = new Date(first.spec.target.replace(' ', 'T').replace('+00', 'Z'));
      // until then a restore makes sure of the moment's WAL in that repository, behind pgBackRest's tries to reach the other one
      const settledAt = moment.getTime() + thresholdOf(lab.cluster, 'WalNotArchived') * 1_000;
      await waitUntil(async () => Date.now() > settledAt, {
        what: 'the WAL of the moment to be old',
        timeoutMs: 180_000,
        everyMs: 1_000,
      });
      const address = `${awsAddresses.s3.primary}/32`;
      const aws = hostOf(lab, awsMachineName);
      await runChecked(aws, ['ip', 'address', 'delete', address, 'dev', 'host0']);
      try {
        const { code, stderr } = await runPgha(['restore', say(moment), '--lab']);
        expect(code, stderr).toBe(0);
      } finally {
        await runChecked(aws, ['ip', 'address', 'add', address, 'dev', 'host0']);
      }
      const second = await find(nameOf(moment, 2));
      const content = 'select count(*), sum(hashtext(items::text)) from items';
      expect(await query(second, content)).toBe(await query(first, content));
      for (const { name } of await scratches()) {
        expect((await runPgha(['restore', 'drop', name, '--lab'])).code).toBe(0);
      }
      expect(await scratches()).toEqual([]);
    });

    it('is what the page describes: every command of it was run', () => {
      expect(page.unrun()).toEqual([]);
    });
  });
}
