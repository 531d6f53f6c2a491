import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Cluster, type Pair, startPair } from '../../src/embedded/index.ts';
import { postgresProcesses, runningPostmaster } from '../../src/embedded/processes.ts';
import { query, scratchDirectory, startUpdates, startWriter, waitUntil } from './sessions.ts';

describe('embedded pair', () => {
  const scratch = scratchDirectory();
  const dir = join(scratch.path, 'pair');
  let lines: string[] = [];
  let pair: Pair;

  const start = () => startPair({ dir, log: (line) => lines.push(line) });
  const asOwner = <Row extends Record<string, unknown>>(text: string, port = pair.primaryPort) =>
    query<Row>(pair, port, pair.logins.owner, text);
  const role = (name: Cluster['members'][number]['role']) => pair.members().find((member) => member.role === name);
  const ledger = async (port: number) => {
    const rows = await asOwner<{ id: string }>('select id from ledger', port);
    return new Set(rows.map(({ id }) => Number(id)));
  };

  beforeAll(async () => {
    pair = await start();
    await asOwner('create table ledger (id bigint primary key)');
    await asOwner('create table counters as select id, 0 as version from generate_series(1, 10000) as id');
    await asOwner('grant select on ledger to readonly');
    await asOwner('grant select, insert on ledger to app');
  });
  afterAll(async () => {
    await pair.stop();
    scratch.remove();
  });
  beforeEach(async () => {
    lines = [];
    await pair.startStopped();
    await asOwner('truncate ledger');
  });

  it('streams every acknowledged row to a synchronous replica', async () => {
    await asOwner('insert into ledger values (1)');
    const acknowledgedAt = '(select flush_lsn >= pg_current_wal_lsn() from pg_stat_replication)';
    const settings = await query(
      pair,
      pair.primaryPort,
      pair.logins.superuser,
      `select ${acknowledgedAt} as flushed, sync_state, current_setting('fsync') as fsync,
              current_setting('data_checksums') as checksums
         from pg_stat_replication`,
    );
    expect(settings).toEqual([{ flushed: true, sync_state: 'sync', fsync: 'on', checksums: 'on' }]);
    await waitUntil('the row is visible on the replica', 2_000, async () => (await ledger(pair.replicaPort)).has(1));
    const [replica] = await asOwner('select pg_is_in_recovery() as in_recovery', pair.replicaPort);
    expect(replica).toEqual({ in_recovery: true });
  });

  it('answers GET /cluster as Patroni does', async () => {
    const cluster = (await (await fetch(`${pair.statusUrl}/cluster`)).json()) as Cluster;
    expect(cluster.members.map(({ role, state }) => `${role} ${state}`).sort()).toEqual([
      'leader running',
      'sync_standby streaming',
    ]);
    for (const member of cluster.members) {
      expect(await (await fetch(member.api_url)).json()).toMatchObject({ name: member.name, role: member.role });
    }
    expect((await fetch(`${pair.statusUrl}/nothing`)).status).toBe(404);
  });

  it('gives each login what it needs and no more', async () => {
    const { app, readonly } = pair.logins;
    const as = (login: typeof app, text: string) => query(pair, pair.primaryPort, login, text);
    await as(app, 'insert into ledger values (7)');
    expect(await as(readonly, 'select id from ledger')).toEqual([{ id: '7' }]);
    expect(await as(app, 'show statement_timeout')).toEqual([{ statement_timeout: '15s' }]);
    await expect(as(readonly, 'insert into ledger values (8)')).rejects.toMatchObject({ code: '25006' });
    await expect(as(app, 'create table mine (id int)')).rejects.toMatchObject({ code: '42501' });
    const wrong = { user: app.user, password: 'wrong' };
    await expect(as(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    const elsewhere = { ...pair, database: 'postgres' };
    await expect(query(elsewhere, pair.primaryPort, app, 'select 1')).rejects.toMatchObject({ code: '42501' });
  });

  it('keeps passwords from other users', () => {
    for (const file of ['logins.json', 'pgpass']) expect(statSync(join(dir, file)).mode & 0o077).toBe(0);
    expect(statSync(join(dir, 'logs')).mode & 0o077).toBe(0);
  });

  it('promotes the replica when the primary is killed, loses nothing, and rebuilds the old one', async () => {
    const old = role('leader');
    const writer = startWriter(pair);
    await waitUntil('some rows are acknowledged', 5_000, () => writer.acknowledged.length > 20);
    pair.killPrimary();
    await pair.settled();
    await writer.stop();

    expect(role('leader')?.name).not.toBe(old?.name);
    expect(role('sync_standby')?.name).toBe(old?.name);
    expect(role('leader')?.timeline).toBe((old?.timeline ?? 0) + 1);
    const kept = await ledger(pair.primaryPort);
    expect(writer.acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    expect(writer.longestGapMs()).toBeLessThan(2_000);
    await waitUntil(
      'the rebuilt replica has all rows',
      5_000,
      async () => (await ledger(pair.replicaPort)).size === kept.size,
    );
  });

  it('does the same when only the postmaster is killed from outside', async () => {
    const old = role('leader');
    const writer = startWriter(pair);
    await waitUntil('some rows are acknowledged', 5_000, () => writer.acknowledged.length > 20);
    const postmaster = runningPostmaster(join(dir, 'data', old?.name ?? ''));
    process.kill(postmaster ?? Number.NaN, 'SIGKILL');
    await waitUntil(
      'the other member leads',
      5_000,
      () => role('leader') !== undefined && role('leader')?.name !== old?.name,
    );
    await pair.settled();
    await writer.stop();
    const kept = await ledger(pair.primaryPort);
    expect(writer.acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  });

  it('takes over from a primary that was stopped cleanly', async () => {
    const old = role('leader');
    await asOwner('insert into ledger values (1)');
    await pair.stopPrimary('fast');
    await pair.settled();
    expect(role('sync_standby')?.name).toBe(old?.name);
    expect(await ledger(pair.primaryPort)).toEqual(new Set([1]));
  });

  it('goes on alone without its replica, says so, and is synchronous again when it is back', async () => {
    const writer = startWriter(pair);
    await waitUntil('some rows are acknowledged', 5_000, () => writer.acknowledged.length > 5);
    pair.killReplica();
    const alone = 'replica unavailable: the primary continues without it, new writes are on one server only';
    await waitUntil('it is said', 4_000, () => lines.includes(alone));
    const before = writer.acknowledged.length;
    await waitUntil('writes go on', 4_000, () => writer.acknowledged.length > before + 5);
    expect(role('sync_standby')).toBeUndefined();
    const [reader] = await asOwner('select pg_is_in_recovery() as in_recovery', pair.replicaPort);
    expect(reader).toEqual({ in_recovery: false });

    await pair.startStopped();
    await writer.stop();
    expect(lines).toContainEqual(
      expect.stringContaining('is synchronous: every acknowledged write is on both servers'),
    );
    expect(lines).not.toContainEqual(expect.stringContaining('building'));
    expect(writer.longestGapMs()).toBeLessThan(4_000);
  });

  it('starts a replica again that ends by itself', async () => {
    const postmaster = runningPostmaster(join(dir, 'data', role('sync_standby')?.name ?? ''));
    process.kill(postmaster ?? Number.NaN, 'SIGKILL');
    await waitUntil('it is noticed', 2_000, () => lines.some((line) => line.endsWith('exited unexpectedly')));
    await pair.settled();
    expect(lines).not.toContainEqual(expect.stringContaining('building'));
  });

  it('goes on without a replica that hangs', async () => {
    const hung = postgresProcesses(join(dir, 'data', role('sync_standby')?.name ?? ''));
    for (const pid of hung) process.kill(pid, 'SIGSTOP');
    try {
      const began = performance.now();
      await asOwner('insert into ledger values (1)');
      expect(performance.now() - began).toBeLessThan(10_000);
    } finally {
      for (const pid of hung) process.kill(pid, 'SIGCONT');
    }
    await pair.settled();
  });

  it('builds a replica from a primary that is being written to, without missing anything', async () => {
    const writers = [startUpdates(pair), startUpdates(pair), startUpdates(pair)];
    pair.killPrimary();
    await pair.settled();
    for (const writer of writers) await writer.stop();
    const digest = `select md5(string_agg(id || ':' || version, ',' order by id)) as digest from counters`;
    const [expected] = await asOwner(digest);
    await waitUntil('both have the same content', 5_000, async () => {
      const [found] = await asOwner(digest, pair.replicaPort);
      return found?.['digest'] === expected?.['digest'];
    });
    const failures = 'select sum(checksum_failures)::int as failures from pg_stat_database';
    expect(await asOwner(failures, pair.replicaPort)).toEqual([{ failures: 0 }]);
  });

  it('starts a primary again, rather than promote a replica that lacks writes', async () => {
    const old = role('leader');
    pair.killReplica();
    await waitUntil('it goes on alone', 4_000, () => lines.some((line) => line.startsWith('replica unavailable')));
    await asOwner('insert into ledger values (42)');
    pair.killPrimary();
    await pair.startStopped();
    expect(role('leader')).toMatchObject({ name: old?.name, timeline: old?.timeline });
    expect(await ledger(pair.primaryPort)).toEqual(new Set([42]));
  });

  it('closes connections at once while the primary is absent, and keeps reads going', async () => {
    await asOwner('insert into ledger values (1)');
    await waitUntil('the row is visible on the replica', 2_000, async () => (await ledger(pair.replicaPort)).has(1));
    pair.promoteAfter(1_500);
    const killedMs = performance.now();
    pair.killPrimary();
    await waitUntil('the port leads nowhere', 500, () => role('leader') === undefined);
    await expect(asOwner('select 1')).rejects.toThrow();
    expect(performance.now() - killedMs).toBeLessThan(1_000);
    expect(await ledger(pair.replicaPort)).toEqual(new Set([1]));
    await pair.settled();
    expect(performance.now() - killedMs).toBeGreaterThan(1_500);
  });

  it('resets forwarded connections of one port and leaves the other alone', async () => {
    const raw = connect(pair.primaryPort, pair.host);
    await once(raw, 'connect');
    const { user, password } = pair.logins.readonly;
    const reader = new Client({ host: pair.host, port: pair.replicaPort, database: pair.database, user, password });
    await reader.connect();
    pair.resetConnections('primary');
    const [error] = (await once(raw, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    expect((await reader.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await reader.end();
  });

  it('keeps data, roles and passwords over a restart', async () => {
    await asOwner('insert into ledger values (1), (2)');
    const { logins, members } = pair;
    const leader = members().find((member) => member.role === 'leader')?.name;
    await pair.stop();
    lines = [];
    pair = await start();
    expect(pair.logins).toEqual(logins);
    expect(role('leader')?.name).toBe(leader);
    expect(role('sync_standby')).toBeDefined();
    expect(await ledger(pair.replicaPort)).toEqual(new Set([1, 2]));
    expect(lines).toEqual([]);
  });

  it('says which member is held down when it cannot settle, and stops within seconds all the same', async () => {
    pair.killReplica();
    const settled = pair.settled().catch((error: Error) => error.message);
    await waitUntil('it goes on alone', 4_000, () => lines.some((line) => line.startsWith('replica unavailable')));
    const began = performance.now();
    await pair.stop();
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await settled).toMatch(/stopped before it was settled \(.*held down by a fault/);
    pair = await start();
  });
});
