import { type ClientRequest, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Stack, startStack } from './services.ts';
import { withServersStopped } from './stopped-servers.ts';

/** The heap of a machine's own unit. */
const heap = { NODE_OPTIONS: '--max-old-space-size=256' };

/** Nearly a mebibyte, a thousand items; one character of each makes JavaScript keep two bytes for every one. */
const batch = Buffer.from(
  JSON.stringify(Array.from({ length: 1000 }, () => ({ name: 'b', description: `Ω${'x'.repeat(990)}`, price: 1 }))),
);
const itemsOfBatch = 1000;

let stack: Stack;
let began: number;
beforeAll(async () => {
  stack = await startStack({ pair: { automaticFailover: false }, environment: heap });
  began = await metric('process_start_time_seconds');
});
afterAll(async () => {
  await stack?.stop();
});

const sockets: Socket[] = [];
const requests: ClientRequest[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const each of requests.splice(0)) each.destroy();
  await vi.waitUntil(async () => (await held()) < 1024 * 1024, { timeout: 30_000 });
  // the same process as at the start
  expect(await metric('process_start_time_seconds')).toBe(began);
});

interface Answer {
  status: number;
  type: string | null;
  retryAfter: string | undefined;
  tookMs: number;
}

/** `chunked`: without a Content-Length. */
function post(path: string, body: Buffer, { chunked = false, headers = {} } = {}): Promise<Answer> {
  const sentAt = performance.now();
  return new Promise((resolve, reject) => {
    const length = chunked ? {} : { 'content-length': body.length };
    const sent = request(
      `${stack.writeUrl}${path}`,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json', ...length, ...headers } },
      (response) => {
        text(response).then((read) => {
          const status = response.statusCode ?? 0;
          const type = status >= 400 ? (JSON.parse(read) as { type: string }).type : null;
          resolve({ status, type, retryAfter: response.headers['retry-after'], tookMs: performance.now() - sentAt });
        }, reject);
      },
    );
    requests.push(sent);
    sent.on('error', reject);
    if (chunked) {
      for (let at = 0; at < body.length; at += 65_536) sent.write(body.subarray(at, at + 65_536));
      sent.end();
    } else {
      sent.end(body);
    }
  });
}

const batches = (count: number, options = {}) =>
  Array.from({ length: count }, () => post('/items/batch', batch, options));

async function metric(name: string): Promise<number> {
  const metrics = await fetch(`${stack.writeUrl}/metrics`).then((answer) => answer.text());
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1]);
}
const held = () => metric('http_requests_held_bytes');

async function countItems(): Promise<number> {
  const port = stack.pair.members().find(({ name }) => name === stack.pair.primary())?.port ?? 0;
  const [row] = await stack
    .direct(port)
    .use((session) => session.query<{ count: string }>({ name: '', text: 'select count(*)::text from items' }));
  return Number(row?.count);
}

/** Everything is answered, some of it with success, the surplus as a problem; what was said to be applied is there. */
async function expectBounded(answers: Answer[], itemsBefore: number): Promise<Answer[]> {
  const refused = answers.filter(({ status }) => status !== 201);
  expect(refused.map(({ status, type, retryAfter }) => [status, type, retryAfter])).toEqual(
    refused.map(() => [503, '/problems/busy', '1']),
  );
  const applied = answers.length - refused.length;
  expect(applied).toBeGreaterThan(0);
  expect(await countItems()).toBe(itemsBefore + applied * itemsOfBatch);
  return refused;
}

describe('a write service with a heap of 256 MiB', () => {
  it('lives through 300 parallel batches of a mebibyte, and applies what it takes', async () => {
    const before = await countItems();
    await expectBounded(await Promise.all(batches(300)), before);
  });

  it('refuses the surplus of 600 at once while the servers are stopped, and commits what it held', async () => {
    const before = await countItems();
    const limit = await metric('http_requests_held_bytes_limit');
    const { all, answered } = await withServersStopped(stack, async () => {
      const all = batches(600);
      let answered = 0;
      for (const each of all) each.then(() => answered++).catch(() => {});
      await vi.waitUntil(() => answered > 500, { timeout: 15_000 });
      expect((await fetch(`${stack.writeUrl}/health`)).status).toBe(200);
      expect(await held()).toBeLessThan(limit * 1.5);
      expect(await held()).toBeGreaterThan(limit / 2);
      return { all, answered };
    });
    const refused = await expectBounded(await Promise.all(all), before);
    expect(refused.length).toBeGreaterThanOrEqual(answered);
  });

  it('counts bodies without a Content-Length, and those that arrive byte by byte', async () => {
    const before = await countItems();
    await withServersStopped(stack, async () => {
      const all = batches(200, { chunked: true });
      let refused = 0;
      for (const each of all) each.then(({ status }) => (refused += status === 503 ? 1 : 0)).catch(() => {});
      await vi.waitUntil(() => refused > 150, { timeout: 15_000 });
      // hung up on while they are held
      for (const each of requests) each.destroy();
      await Promise.allSettled(all);
    });
    // a chunk a byte: 6 bytes on the wire, and a buffer of its own
    const crumbs = Buffer.from('1\r\n \r\n'.repeat(20_000));
    for (let index = 0; index < 10; index += 1) {
      const socket = connect(Number(new URL(stack.writeUrl).port), '127.0.0.1');
      sockets.push(socket.on('error', () => {}));
      socket.write(
        'POST /items/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      socket.write(crumbs);
    }
    // each of them weighs more than the byte in it
    await vi.waitUntil(async () => (await held()) > 10 * 20_000 * 200, { timeout: 20_000 });
    expect(await countItems()).toBeGreaterThanOrEqual(before);
  });

  it('keeps no room for bodies that are announced and do not come', async () => {
    const before = await countItems();
    for (let index = 0; index < 300; index += 1) {
      const socket = connect(Number(new URL(stack.writeUrl).port), '127.0.0.1');
      sockets.push(socket.on('error', () => {}));
      socket.write(
        `POST /items/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${batch.length}\r\n\r\n[`,
      );
    }
    await vi.waitUntil(async () => (await metric('http_requests_in_flight')) > 300, { timeout: 10_000 });
    expect((await post('/items/batch', batch)).status).toBe(201);
    expect(await countItems()).toBe(before + itemsOfBatch);
  });

  it('refuses pages that clients do not read', async () => {
    const answered: string[] = [];
    for (let index = 0; index < 300; index += 1) {
      const socket = connect(Number(new URL(stack.writeUrl).port), '127.0.0.1');
      sockets.push(socket.on('error', () => {}));
      socket.once('data', (first: Buffer) => {
        socket.pause();
        answered.push(first.toString('latin1').slice(9, 12));
      });
      socket.write(`GET /items?limit=1000&skip=${index} HTTP/1.1\r\nHost: a\r\n\r\n`);
    }
    await vi.waitUntil(() => answered.length === 300, { timeout: 60_000 });
    expect(new Set(answered)).toContain('200');
    expect((await fetch(`${stack.writeUrl}/health`)).status).toBe(200);
    expect(await held()).toBeLessThan((await metric('http_requests_held_bytes_limit')) * 1.5);
  });

  it('lives with a client that sends ahead without end', async () => {
    await withServersStopped(stack, async () => {
      const one = `POST /items/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${batch.length}\r\n\r\n`;
      for (let index = 0; index < 10; index += 1) {
        const socket = connect(Number(new URL(stack.writeUrl).port), '127.0.0.1');
        sockets.push(socket.on('error', () => {}));
        for (let each = 0; each < 60; each += 1) {
          socket.write(one);
          socket.write(batch);
        }
      }
      // what is sent ahead is read for a while
      await delay(3_000);
      expect((await fetch(`${stack.writeUrl}/health`)).status).toBe(200);
      expect(await held()).toBeLessThan((await metric('http_requests_held_bytes_limit')) * 1.6);
      for (const socket of sockets) socket.destroy();
    });
  });
});
