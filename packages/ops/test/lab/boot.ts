import { connect } from 'node:tls';
import { membersOf, nodesOf, ports } from '@pgha/infra/cluster';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { requestHttps } from '../../src/clients/https.ts';
import { workloadTargets } from '../../src/lab/load.ts';
import { readLabStatus } from '../../src/lab/status.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { hostConformance, timeoutConformance } from '../host-conformance.ts';
import { waitForFirstBackups } from './first-backups.ts';
import { ask, hostOf, leaderOf, patroniOf, type RunningLab } from './running-lab.ts';

/** A lab as `up` leaves it. */
export function bootSuite(provided: () => RunningLab): void {
  let lab: RunningLab;
  beforeAll(() => {
    lab = provided();
  });

  describe('a lab with three nodes and a second region', () => {
    it('has every machine running within its memory', async () => {
      const { machines, memoryBytes } = await readLabStatus(lab.places);
      expect(machines.filter(({ state }) => state !== 'running')).toEqual([]);
      console.log(`memory of all machines: ${Math.round(memoryBytes / 1024 ** 2)} MiB`);
      expect(memoryBytes).toBeLessThan(3 * 1024 ** 3);
    });

    it('streams to every member, synchronously to a quorum of them', async () => {
      const { members } = await patroniOf(lab, lab.cluster.primary);
      expect(members.map(({ role }) => role).sort()).toEqual(['leader', 'quorum_standby', 'quorum_standby']);
      const leader = await leaderOf(lab);
      expect(await ask(lab, leader, 'show synchronous_standby_names')).toMatch(/^ANY 1 \(/);
      expect(await ask(lab, leader, "select count(*) from pg_stat_replication where sync_state = 'quorum'")).toBe('2');
    });

    it('streams to the second region through its slot', async () => {
      const { leader } = await patroniOf(lab, lab.cluster.dr ?? lab.cluster.primary);
      expect(leader).toMatchObject({ role: 'standby_leader', state: 'streaming' });
      const query = "select active from pg_replication_slots where slot_name = 'dr'";
      expect(await ask(lab, await leaderOf(lab), query)).toBe('t');
    });

    it('reads through :8001 what was written through :8000', async () => {
      const { write, read, apiKey } = workloadTargets(lab.cluster, lab.access);
      const name = `boot-${Date.now()}`;
      const created = await requestHttps(write, {
        method: 'POST',
        path: '/items',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name, price: 29.99 }),
        timeoutMs: 10_000,
      });
      expect(created.status).toBe(201);
      const { id } = JSON.parse(created.body) as { id: number };
      const answer = await waitUntil(
        async () => {
          const found = await requestHttps(read, { method: 'GET', path: `/items/${id}`, timeoutMs: 5_000 });
          return found.status === 200 ? found.body : null;
        },
        { what: 'the replica to show the item', timeoutMs: 10_000 },
      );
      expect(JSON.parse(answer)).toMatchObject({ id, name, price: 29.99 });
    });

    it('shows the real members and backups at :8000', async () => {
      const { write } = workloadTargets(lab.cluster, lab.access);
      const get = async (path: string) =>
        JSON.parse((await requestHttps(write, { method: 'GET', path, timeoutMs: 10_000 })).body) as Record<
          string,
          unknown
        >;
      expect(await get('/cluster')).toMatchObject({ leader: await leaderOf(lab), synchronous: true });
      await waitUntil(async () => (await get('/backups'))['status'] === 'ok', {
        what: '/backups to say ok',
        timeoutMs: 180_000,
        everyMs: 2_000,
      });
    });

    it('has a full backup in both repositories, and WAL arrives', async () => {
      await waitForFirstBackups(lab);
      const leader = await leaderOf(lab);
      const archived = async () => Number(await ask(lab, leader, 'select archived_count from pg_stat_archiver'));
      const before = await archived();
      await ask(lab, leader, 'select pg_switch_wal()');
      await waitUntil(async () => (await archived()) > before, {
        what: 'a WAL segment to be archived',
        timeoutMs: 60_000,
      });
    });
  });

  describe('without the right certificate', () => {
    it('etcd refuses, on both of its ports', async () => {
      const [etcd] = nodesOf(lab.cluster.primary, 'etcd');
      for (const port of [ports.etcdClient, ports.etcdPeer]) {
        await expect(handshake(etcd?.address ?? '', port, etcd?.hostname ?? '', lab.access.ca)).rejects.toThrow();
      }
    });

    it('PostgreSQL and PgBouncer refuse a connection without TLS', async () => {
      const [host = ''] = lab.cluster.primary.loadBalancer.addresses;
      for (const port of [5432, 5433, 6432]) {
        const client = new pg.Client({ host, port, database: lab.cluster.database, ...lab.access.app, ssl: false });
        client.on('error', () => undefined);
        await expect(client.connect(), `port ${port}`).rejects.toThrow();
      }
    });

    it('Patroni refuses to change anything', async () => {
      const [member] = membersOf(lab.cluster.primary);
      if (member === undefined) throw new Error('no member');
      const answer = await requestHttps(
        { address: member.address, hostname: member.hostname, port: ports.patroni, ca: lab.access.ca },
        { method: 'POST', path: '/restart', body: '{}', timeoutMs: 5_000 },
      );
      expect([401, 403]).toContain(answer.status);
    });

    it('the write service refuses a write without a key', async () => {
      const { write } = workloadTargets(lab.cluster, lab.access);
      const headers = { 'content-type': 'application/json' };
      const body = '{"name":"x","price":1}';
      const answer = await requestHttps(write, { method: 'POST', path: '/items', headers, body, timeoutMs: 5_000 });
      expect(answer.status).toBe(401);
    });
  });

  describe('a machine of the lab, as a host', () => {
    hostConformance(() => hostOf(lab, 'bastion-1'));
    timeoutConformance(() => hostOf(lab, 'bastion-1'));
  });
}

/** A TLS handshake without a client certificate, and a byte, because TLS 1.3 refuses only after the client is done. */
function handshake(host: string, port: number, servername: string, ca: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername, ca, timeout: 5_000 }, () => socket.write('\n'));
    socket.once('data', () => resolve());
    socket.once('timeout', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}
