import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createHttpClient } from './http-client.ts';
import { type Stack, startStack } from './services.ts';
import { withServersStopped } from './stopped-servers.ts';

/** Two groups of inserts are sent at a time: what comes after waits for them. */
const groupsInFlight = 2;

let stack: Stack;
let itemId: string;
beforeAll(async () => {
  stack = await startStack({ pair: { automaticFailover: false } });
  const client = createHttpClient(60_000);
  const { body } = await client.send('POST', `${stack.writeUrl}/items`, { body: { name: 'before', price: 1 } });
  client.close();
  itemId = String((JSON.parse(body) as { id: number }).id);
});
afterAll(async () => {
  await stack?.stop();
});

/** A request whose client closes its connection, as curl does at the end of its patience: with a FIN. */
function begin(method: string, path: string, body: unknown): { sent: ClientRequest; hangUp: () => void } {
  const payload = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
  const sent = request(`${stack.writeUrl}${path}`, { method, agent: false, headers });
  sent.on('error', () => {});
  sent.end(payload);
  return { sent, hangUp: () => sent.destroy() };
}

async function metric(name: string): Promise<number> {
  const metrics = await fetch(`${stack.writeUrl}/metrics`).then((answer) => answer.text());
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1]);
}
const inFlight = async () => (await metric('http_requests_in_flight')) - 1;

async function names(prefix: string): Promise<string[]> {
  const port = stack.pair.members().find(({ name }) => name === stack.pair.primary())?.port ?? 0;
  const rows = await stack.direct(port).use((session) =>
    session.query<{ name: string }>({
      name: '',
      text: 'select name from items where starts_with(name, $1) order by name',
      values: [prefix],
    }),
  );
  return rows.map(({ name }) => name);
}

describe('a client that hangs up while its write is held', () => {
  it('leaves nothing behind: the entry and its memory are let go, and only what was sent is applied', async () => {
    const before = await metric('http_requests_held_bytes');
    await withServersStopped(stack, async () => {
      for (let index = 0; index < 6; index += 1) {
        const { hangUp } = begin('POST', '/items', { name: `gone ${index}`, price: 1 });
        // one after the other, so that each is a group of its own
        await vi.waitUntil(async () => (await inFlight()) === 1, { timeout: 10_000 });
        hangUp();
        await vi.waitUntil(async () => (await inFlight()) === 0, { timeout: 10_000 });
      }
      // the two that were sent are still accounted for
      expect(await metric('http_requests_held_bytes')).toBeLessThan(before + 3 * 16 * 1024);
    });
    await vi.waitUntil(async () => (await metric('http_requests_held_bytes')) <= before, { timeout: 30_000 });
    expect((await names('gone')).length).toBeLessThanOrEqual(groupsInFlight);
    expect(await names('gone')).not.toContain('gone 5');
  });

  it('has no change, deletion or batch applied that had not been committed', async () => {
    await withServersStopped(stack, async () => {
      const all = [
        begin('PATCH', `/items/${itemId}`, { name: 'changed by nobody' }),
        begin('PUT', `/items/${itemId}`, { name: 'changed by nobody' }),
        begin('POST', '/items/batch', [{ name: 'nobody 1', price: 1 }]),
      ];
      await vi.waitUntil(async () => (await inFlight()) === all.length, { timeout: 10_000 });
      for (const { hangUp } of all) hangUp();
      await vi.waitUntil(async () => (await inFlight()) === 0, { timeout: 10_000 });
    });
    await vi.waitUntil(async () => (await metric('http_requests_held_bytes')) <= 16 * 1024, { timeout: 30_000 });
    expect(await names('changed')).toEqual([]);
    expect(await names('nobody')).toEqual([]);
    expect(await names('before')).toEqual(['before']);
  });

  it('is waited for when it only says that it sends no more', async () => {
    const body = JSON.stringify({ name: 'half closed', price: 1 });
    const answer = await withServersStopped(stack, async () => {
      const socket = connect({ port: Number(new URL(stack.writeUrl).port), host: '127.0.0.1', allowHalfOpen: true });
      let read = '';
      socket.on('data', (chunk) => {
        read += chunk.toString();
      });
      socket.end(
        `POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      await vi.waitUntil(() => read.startsWith('HTTP/1.1 102 Processing'), { timeout: 10_000 });
      return { read: () => read };
    });
    await vi.waitUntil(() => answer.read().includes('HTTP/1.1 201 Created'), { timeout: 30_000 });
    expect(await names('half')).toEqual(['half closed']);
  });
});
