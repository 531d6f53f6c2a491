import { migrate } from '@pgha/db';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createHttpClient } from './http-client.ts';
import { type Stack, startStack } from './services.ts';

const last = '0002-applied-writes';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ pair: { automaticFailover: false } });
});
afterAll(async () => {
  await stack?.stop();
});

async function ask(method: string, url: string, body?: unknown) {
  const client = createHttpClient(60_000);
  const { status, headers, body: text } = await client.send(method, url, { body });
  client.close();
  return { status, retryAfter: headers['retry-after'], body: JSON.parse(text) as Record<string, unknown> };
}

const owner = () => {
  const { host, database, logins, primaryPort: port } = stack.pair;
  return { host, database, ...logins.owner, port };
};

/** What a restore to before the last migration leaves, while both services run. */
async function takeBack(): Promise<void> {
  const client = new pg.Client(owner());
  await client.connect();
  await client.query('drop table idempotency_records, insert_groups');
  await client.query('delete from schema_migrations where name = $1', [last]);
  await client.end();
}

describe('a database that was restored to before a migration', () => {
  it('is answered 503 with what is missing, by both services, until it is migrated', async () => {
    await takeBack();
    const first = await ask('POST', `${stack.writeUrl}/items`, { name: 'early', price: 1 });
    expect([first.status, first.body['type'], first.retryAfter]).toEqual([503, '/problems/schema-outdated', '5']);
    expect(first.body['detail']).toContain(last);
    expect(first.body['detail']).toContain('pgha migrate');
    for (const url of [stack.writeUrl, stack.readUrl]) {
      await vi.waitUntil(async () => (await ask('GET', `${url}/ready`)).status === 503, { timeout: 20_000 });
      const { body } = await ask('GET', `${url}/ready`);
      expect(body).toMatchObject({ status: 'not_ready', database: 'connected' });
      expect(body['reason']).toMatch(new RegExp(`${last}; run .pgha migrate.`));
      const read = await ask('GET', `${url}/items`);
      expect([read.status, read.body['type']]).toEqual([503, '/problems/schema-outdated']);
      expect((await ask('GET', `${url}/health`)).status).toBe(200);
    }
    expect(await migrate(owner())).toEqual({ applied: [last] });
    for (const url of [stack.writeUrl, stack.readUrl]) {
      await vi.waitUntil(async () => (await ask('GET', `${url}/ready`)).status === 200, { timeout: 20_000 });
    }
    expect((await ask('POST', `${stack.writeUrl}/items`, { name: 'late', price: 1 })).status).toBe(201);
    expect((await ask('GET', `${stack.readUrl}/items`)).status).toBe(200);
  });
});
