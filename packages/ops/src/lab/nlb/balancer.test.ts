import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../../wait-until.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import type { PublishedView } from './settings.ts';

/** Ports that nothing else on a developer's machine uses; every target has an address of its own on the loopback. */
const [listenPort, targetPort, checkPort] = [47_501, 47_502, 47_503];
const [first, second] = ['127.42.0.1', '127.42.0.2'];
const quick = {
  intervalMs: 40,
  timeoutMs: 500,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
  port: checkPort,
  path: '/',
};

describe('the load balancer stand-in', () => {
  let folder: string;
  let balancer: Balancer;
  let targets: Map<string, Target>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pgha-nlb-'));
    targets = new Map([
      [first, await startTarget(first)],
      [second, await startTarget(second)],
    ]);
    balancer = await startBalancer({
      addresses: ['127.42.0.9'],
      targets: [first, second],
      listeners: [{ port: listenPort, targetPort }],
      check: quick,
      idleTimeoutMs: 60_000,
      assumedProbeMs: 200,
      viewFile: join(folder, 'view.json'),
    });
  });

  afterEach(async () => {
    balancer.stop();
    for (const target of targets.values()) target.close();
    await rm(folder, { recursive: true });
  });

  const believed = async (states: Record<string, string>) =>
    waitUntil(
      async () => {
        const { targets: seen } = JSON.parse(await readFile(join(folder, 'view.json'), 'utf8')) as PublishedView;
        return Object.entries(states).every(([address, state]) =>
          seen.some((target) => target.address === address && target.state === state),
        );
      },
      { what: `the load balancer to believe ${JSON.stringify(states)}`, timeoutMs: 5_000, everyMs: 10 },
    );
  const target = (address: string) => {
    const found = targets.get(address);
    if (found === undefined) throw new Error(`no target ${address}`);
    return found;
  };

  it('passes bytes both ways and the end of one side', async () => {
    const client = await dial();
    client.end('ping');
    expect(await textOf(client)).toMatch(/^127\.42\.0\.[12]:ping$/);
  });

  it('sends new connections to healthy targets only', async () => {
    target(first).health(false);
    await believed({ [first]: 'unhealthy', [second]: 'healthy' });
    for (let count = 0; count < 8; count += 1) {
      const client = await dial();
      client.end();
      expect(await textOf(client)).toBe(`${second}:`);
    }
  });

  it('answers what a client sends to a target that turned unhealthy by a reset, and keeps the others', async () => {
    await believed({ [first]: 'healthy', [second]: 'healthy' });
    const [toFirst, toSecond] = [await dialTarget(first), await dialTarget(second)];
    const reset = errorOf(toFirst);
    target(first).health(false);
    await believed({ [first]: 'unhealthy' });
    toFirst.write('anybody there?');
    expect(await reset).toBe('ECONNRESET');
    toSecond.end('still here');
    expect(await textOf(toSecond)).toContain('still here');
  });

  it('lets a client that only waits learn it from its next probe', async () => {
    await believed({ [first]: 'healthy', [second]: 'healthy' });
    const waiting = await dialTarget(first);
    const reset = errorOf(waiting);
    waiting.resume();
    target(first).health(false);
    expect(await reset).toBe('ECONNRESET');
  });

  it('keeps connections when nobody is healthy, and goes on sending', async () => {
    await believed({ [first]: 'healthy', [second]: 'healthy' });
    target(first).health(false);
    await believed({ [first]: 'unhealthy' });
    const open = await dialTarget(second);
    target(second).health(false);
    await believed({ [second]: 'unhealthy' });
    const another = await dialTarget(first);
    another.end();
    open.end('kept');
    expect(await textOf(open)).toContain('kept');
  });

  it('resets the client of a target that refuses', async () => {
    target(first).refuse();
    target(second).refuse();
    const client = connect(listenPort, '127.42.0.9');
    expect(await errorOf(client)).toBe('ECONNRESET');
  });
});

interface Target {
  health(passing: boolean): void;
  refuse(): void;
  close(): void;
}

/** Answers with its own address and then what it is told, once told everything. */
async function startTarget(address: string): Promise<Target> {
  let passing = true;
  const checks: HttpServer = createHttpServer((_request, response) => response.writeHead(passing ? 200 : 503).end());
  const sockets = new Set<Socket>();
  const echo: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.write(`${address}:`);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => checks.listen(checkPort, address, resolve));
  await new Promise<void>((resolve) => echo.listen(targetPort, address, resolve));
  return {
    health: (value) => {
      passing = value;
    },
    refuse: () => echo.close(),
    close: () => {
      for (const socket of sockets) socket.destroy();
      echo.close();
      checks.close();
      checks.closeAllConnections();
    },
  };
}

function dial(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const client = connect({ host: '127.42.0.9', port: listenPort, allowHalfOpen: true }, () => resolve(client));
    client.once('error', reject);
  });
}

/** A connection that the flow's hash brought to this target. */
async function dialTarget(address: string): Promise<Socket> {
  for (let attempt = 0; attempt < 64; attempt += 1) {
    const client = await dial();
    const greeting = await new Promise<string>((resolve) => client.once('data', (data) => resolve(`${data}`)));
    if (greeting === `${address}:`) return client;
    client.destroy();
  }
  throw new Error(`64 connections and none came to ${address}`);
}

const errorOf = (socket: Socket) =>
  new Promise<string | undefined>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}
