import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createItem, startSubject, withSubject } from './fixture/contract.ts';
import { type Database, startDatabase } from './fixture/database.ts';
import { lockRow } from './fixture/row-lock.ts';
import { eventually, launch, listeningPort, startService } from './fixture/service.ts';
import { openWire } from './fixture/wire.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const startedWithinMs = 30_000;

describe('lifecycle', () => {
  let database: Database;
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pgha-lifecycle-'));
    database = await startDatabase();
  });

  afterAll(async () => {
    await database?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('without its database a service lives and is not ready, and says so without saying where it looked', async () => {
    const nobody = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => nobody.once('listening', resolve));
    const { port } = nobody.address() as { port: number };
    nobody.close();
    for (const name of ['api', 'read-api'] as const) {
      const settings = { ...database.settings(name), DB_PORT: String(port) };
      const service = await startService(name, { settings }, { ready: false });
      expect((await fetch(`${service.url}/health`)).status).toBe(200);
      const ready = await fetch(`${service.url}/ready`);
      const text = await ready.text();
      expect([ready.status, JSON.parse(text)]).toMatchObject([503, { status: 'not_ready', database: 'disconnected' }]);
      expect(text).not.toMatch(/127\.0\.0\.1|ECONN|\d{4,5}[^-\d:.TZ]/);
      expect(await service.stop()).toEqual({ code: 0, signal: null });
    }
  });

  it('the write service is not ready on a replica, and says why', async () => {
    const settings = { ...database.settings('api'), DB_PORT: String(database.pair.replicaPort) };
    const service = await startService('api', { settings }, { ready: false });
    await eventually('the answer that the role is wrong', 15_000, async () => {
      const ready = await fetch(`${service.url}/ready`);
      return ready.status === 503 && (await ready.text()).includes('does not have the required role');
    });
    await service.stop();
  });

  it('SIGTERM lets a request finish, refuses readiness, tells connections to close, and ends with 0', async () => {
    const { service, call } = await startSubject(database, 'api');
    const { id } = await createItem({ service, call });
    const lock = await lockRow(database, id);
    const held = call('PUT', `/items/${id}`, { body: { price: 5 } });
    await lock.waitedFor();
    const wire = await openWire(service.port);
    wire.send(get('/ready'));
    expect((await wire.answer('GET'))?.status).toBe(200);
    service.signal('SIGTERM');
    await eventually('the service to drain', 5_000, () => service.log().some(({ msg }) => msg === 'draining'));
    wire.send(get('/ready'));
    const ready = await wire.answer('GET');
    expect(ready?.status).toBe(503);
    expect(JSON.parse(ready?.body.toString() ?? '')).toMatchObject({ status: 'not_ready', database: 'connected' });
    expect(ready?.headers.get('connection')).toEqual(['close']);
    await expect(openWire(service.port)).rejects.toThrow('ECONNREFUSED');
    await lock.release();
    const reply = await held;
    expect([reply.status, reply.header('connection')]).toEqual([200, 'close']);
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(service.log().at(-1)).toMatchObject({ msg: 'stopped' });
  });

  it('what takes longer than SHUTDOWN_TIMEOUT_MS is cut off, and the end is 0 all the same', async () => {
    const { service, call } = await startSubject(database, 'api', { SHUTDOWN_TIMEOUT_MS: '500' });
    const { id } = await createItem({ service, call });
    const lock = await lockRow(database, id);
    const held = call('PUT', `/items/${id}`, { body: { price: 5 } }).catch((error: unknown) => error);
    await lock.waitedFor();
    const started = performance.now();
    service.signal('SIGTERM');
    expect(await held).toBeInstanceOf(Error);
    await lock.release();
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it.each(['api', 'read-api'] as const)('SIGTERM under load fails no request of the %s', async (name) => {
    const { service } = await startSubject(database, name);
    const load = createLoad(() => service.port, { reconnect: false });
    await eventually('the load to run', 10_000, () => load.answered() > 200);
    service.signal('SIGTERM');
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(await load.end()).toEqual([]);
  });

  it('a socket that outlives the service is served by the next one, and no request fails between them', async () => {
    const { server, fd, port } = await listenWithoutAccepting();
    // the shell holds the socket while no service does, and accepts nothing
    const one = 'LISTEN_FDS=1 sh -c \'LISTEN_PID=$$ exec "$0" src/main.ts\' "$NODE" 3<&3 & echo "service $!"; wait $!;';
    const settings = { ...database.settings('api'), HOST: '127.0.0.1', PORT: '1', NODE: process.execPath };
    const shell = launch('api', settings, ['sh', '-c', `${one} ${one}`], [fd]);
    database.pair.guardProcess(shell.process.pid ?? 0);
    server.close();
    const services = () => [...shell.stdout().matchAll(/^service (\d+)$/gm)].map(([, pid]) => Number(pid));
    const stops = () => shell.stdout().split('"stopped"').length - 1;
    await eventually('the first service', startedWithinMs, () => listeningPort(shell.stdout()) !== null);
    expect(listeningPort(shell.stdout())).toBe(port);
    const load = createLoad(() => port, { reconnect: true });
    await eventually('load on the first', 20_000, () => load.answered() > 200);
    process.kill(services()[0] ?? 0, 'SIGTERM');
    await eventually('the second service', startedWithinMs, () => services().length === 2 && stops() === 1);
    const before = load.answered();
    await eventually('load on the second', startedWithinMs, () => load.answered() > before + 200);
    const failures = await load.end();
    process.kill(services()[1] ?? 0, 'SIGTERM');
    expect(await shell.ended).toEqual({ code: 0, signal: null });
    expect(failures).toEqual([]);
  });

  it('a socket that was meant for another process is left alone', async () => {
    const settings = { LISTEN_FDS: '1', LISTEN_PID: '1' };
    await withSubject(database, 'api', settings, async ({ call }) => {
      expect((await call('GET', '/health')).status).toBe(200);
    });
  });

  it('with a certificate it speaks TLS, and says that browsers should insist on it', async () => {
    const [cert, key] = [join(dir, 'crt'), join(dir, 'key')];
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=pgha.test'],
      ...['-keyout', key, '-out', cert, '-days', '1'],
    ]);
    const settings = {
      ...database.settings('api'),
      TLS_CERT_FILE: cert,
      TLS_KEY_FILE: key,
      NODE_ENV: 'production',
      API_KEYS: 'a-key-of-thirty-two-characters-00',
      REQUEST_TIMEOUT_MS: '1000',
    };
    const service = await startService('api', { settings }, { ready: false });
    const status = await new Promise((resolve, reject) => {
      const request = httpsRequest(`${service.url}/health`, { rejectUnauthorized: false }, (response) => {
        response.resume();
        resolve([response.statusCode, response.headers['strict-transport-security']]);
      });
      request.once('error', reject).end();
    });
    expect(status).toEqual([200, 'max-age=31536000']);
    expect(await overTls(service.port, 'GET /health HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*problem\+json/);
    expect(await overTls(service.port, 'GET /health HTTP/1.1\r\nHost:')).toMatch(/^HTTP\/1.1 408 [\s\S]*problem\+json/);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  });

  it('a service of which the backups are reported says how they are', async () => {
    const file = join(dir, 'backups.json');
    const backup = (label: string, type: string, stop: number) => ({
      label,
      type,
      timestamp: { start: stop - 60, stop },
      info: { size: 3000, repository: { delta: 1000 } },
    });
    const info = [
      {
        name: 'pgha',
        status: { code: 0, message: 'ok' },
        backup: [backup('20260101-000000F', 'full', 1_767_225_600), backup('20260102-000000D', 'diff', 1_767_312_000)],
        archive: [{ min: '000000010000000000000001', max: '000000010000000000000009' }],
      },
    ];
    const report = (exit: number, stanzas: object[], minutesAgo = 0) =>
      writeFile(
        file,
        JSON.stringify({ exit, at: new Date(Date.now() - minutesAgo * 60_000).toISOString(), info: stanzas }),
      );
    await withSubject(database, 'api', { BACKUP_INFO_FILE: file }, async ({ call }) => {
      const read = async () => (await call('GET', '/backups')).json();
      expect(await read()).toMatchObject({ status: 'unavailable', backups: [] });
      await report(0, info);
      expect(await read()).toMatchObject({
        stanza: 'pgha',
        status: 'ok',
        backups: [
          { label: '20260101-000000F', type: 'full', size_bytes: 1000, database_size_bytes: 3000 },
          { type: 'diff', start_time: '2026-01-01T23:59:00.000Z', stop_time: '2026-01-02T00:00:00.000Z' },
        ],
        wal_archive: { min_wal: '000000010000000000000001', max_wal: '000000010000000000000009' },
        last_full_backup: '2026-01-01T00:00:00.000Z',
        last_diff_backup: '2026-01-02T00:00:00.000Z',
      });
      const states: [() => Promise<void>, string][] = [
        [() => report(0, [{ name: 'pgha', status: { code: 1, message: 'missing stanza path' } }]), 'missing_stanza'],
        [() => report(0, []), 'missing_stanza'],
        [() => report(0, [{ name: 'pgha', status: { code: 2, message: 'no valid backups' } }]), 'no_backup'],
        [() => report(56, info), 'error'],
        [() => report(124, info), 'timeout'],
        [() => report(127, info), 'not_installed'],
        [() => report(0, info, 60), 'unavailable'],
        [() => writeFile(file, '{"exit":0'), 'unavailable'],
        [() => writeFile(file, 'null'), 'unavailable'],
      ];
      for (const [write, status] of states) {
        await write();
        const seen = await read();
        expect(seen['status']).toBe(status);
        expect(JSON.stringify(seen)).not.toContain(dir);
      }
    });
  });
});

/** A socket in the kernel's hands: it queues connections, and nobody accepts them before a service does. */
async function listenWithoutAccepting(): Promise<{ server: Server; fd: number; port: number }> {
  const server = createServer().listen(0, '127.0.0.1', 511);
  await new Promise((resolve) => server.once('listening', resolve));
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { server, fd, port: (server.address() as { port: number }).port };
}

/** Clients that ask one thing after another over connections they keep until they are told to close them. */
function createLoad(port: () => number, { reconnect }: { reconnect: boolean }) {
  let stopping = false;
  let answered = 0;
  const failures: string[] = [];

  async function client(): Promise<void> {
    let wire = await openWire(port());
    while (!stopping) {
      // a person's pause now and then, so that some connections are idle when the signal comes
      if (answered % 7 === 0) await delay(5);
      try {
        wire.send(get('/items?limit=5'));
        const answer = await wire.answer('GET', 30_000);
        if (answer?.status !== 200) throw new Error(`answered ${answer?.status} ${answer?.body}`);
        answered += 1;
        if (answer.headers.get('connection')?.includes('close')) {
          wire.close();
          if (!reconnect) return;
          wire = await openWire(port());
        }
      } catch (error) {
        failures.push((error as Error).message);
        wire.close();
        return;
      }
    }
    wire.close();
  }

  const clients = Array.from({ length: 20 }, client);
  return {
    answered: () => answered,
    async end(): Promise<string[]> {
      stopping = true;
      for (const result of await Promise.allSettled(clients))
        if (result.status === 'rejected') failures.push(String(result.reason));
      return failures;
    },
  };
}

/** Everything a service answers to some bytes until it closes. */
function overTls(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => socket.write(text));
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.includes('}')) socket.end();
    });
    socket.once('error', reject).once('close', () => resolve(answer));
  });
}
