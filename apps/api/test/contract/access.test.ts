import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CallOptions,
  createItem,
  problemOf,
  type Subject,
  startSubject,
  withSubject,
} from './fixture/contract.ts';
import { type Database, startDatabase } from './fixture/database.ts';

const keys = { old: 'old-key-0123456789abcdef', next: 'new-key-0123456789abcdef', other: 'other-key-0123456789abcdef' };
const apiKeys = `shop:${keys.old},shop:${keys.next},office:${keys.other}`;
const item = { name: 'a', price: 1 };
const internalPages = ['/metrics', '/stats', '/cluster', '/backups'];

describe('access', () => {
  let database: Database;

  beforeAll(async () => {
    database = await startDatabase();
  });

  afterAll(() => database?.stop());

  describe('with keys', () => {
    let api: Subject;
    const bearer = (key: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${key}`, ...more });

    beforeAll(async () => {
      api = await startSubject(database, 'api', { API_KEYS: apiKeys });
    });

    afterAll(() => api?.service.stop());

    it.each([
      ['POST', '/items'],
      ['POST', '/items/batch'],
      ['PUT', '/items/1'],
      ['PATCH', '/items/1'],
      ['DELETE', '/items/1'],
    ])('%s %s is 401 without a key that is known', async (method, path) => {
      for (const authorization of [
        undefined,
        'Bearer',
        'Bearer x',
        `Bearer ${keys.old}x`,
        `Basic ${keys.old}`,
        keys.old,
        `Bearer ${keys.old}, Bearer ${keys.old}`,
      ]) {
        const options: CallOptions = method === 'DELETE' ? {} : { body: item };
        const reply = await api.call(method, path, {
          ...options,
          headers: authorization === undefined ? {} : { authorization },
        });
        expect([authorization, reply.status]).toEqual([authorization, 401]);
        expect(reply.header('www-authenticate')).toBe('Bearer');
        expect(problemOf(reply)).toBe('unauthorized');
      }
    });

    it('every key opens, whatever the case of the scheme', async () => {
      for (const key of Object.values(keys)) {
        expect((await api.call('POST', '/items', { body: item, headers: bearer(key) })).status).toBe(201);
      }
      const headers = { authorization: `bearer ${keys.old}` };
      expect((await api.call('POST', '/items', { body: item, headers })).status).toBe(201);
    });

    it('reads need none', async () => {
      for (const path of ['/items', '/items?limit=1', '/', '/health', '/ready', '/docs', '/openapi.json']) {
        expect([path, (await api.call('GET', path)).status]).toEqual([path, 200]);
      }
    });

    it('two keys of one name are one credential for Idempotency-Key, of another name another', async () => {
      const key = { 'idempotency-key': randomUUID() };
      const post = (by: string) => api.call('POST', '/items', { body: item, headers: bearer(by, key) });
      const first = await post(keys.old);
      const rotated = await post(keys.next);
      expect([rotated.text, rotated.header('idempotency-replayed')]).toEqual([first.text, 'true']);
      const other = await post(keys.other);
      expect([other.status, other.header('idempotency-replayed')]).toEqual([201, null]);
    });

    it('the document says which operations need a key', async () => {
      const document = (await api.call('GET', '/openapi.json')).json<{
        paths: Record<string, Record<string, { security?: object[] }>>;
      }>();
      expect(document.paths['/items']?.['post']?.security).toEqual([{ key: [] }]);
      expect(document.paths['/items']?.['get']?.security).toBeUndefined();
    });

    it('the log has the name of the key and never the key', async () => {
      await api.call('POST', '/items', { body: item, headers: bearer(keys.old) });
      await api.call('POST', '/items', { body: item, headers: bearer('a-key-that-nobody-has') });
      await expect.poll(() => api.service.log().filter((line) => line['key'] === 'shop').length).toBeGreaterThan(0);
      for (const secret of [
        ...Object.values(keys),
        'a-key-that-nobody-has',
        database.settings('api')['DB_PASSWORD'] ?? '?',
      ])
        expect(api.service.output()).not.toContain(secret);
    });
  });

  it('READS_NEED_KEY closes the items to readers without one, and nothing else', async () => {
    const settings = { API_KEYS: apiKeys, READS_NEED_KEY: 'true' };
    for (const name of ['api', 'read-api'] as const) {
      await withSubject(database, name, settings, async ({ call }) => {
        for (const path of ['/items', '/items/1']) expect((await call('GET', path)).status).toBe(401);
        const headers = { authorization: `Bearer ${keys.other}` };
        expect((await call('GET', '/items', { headers })).status).toBe(200);
        for (const path of ['/health', '/ready', '/metrics']) expect((await call('GET', path)).status).toBe(200);
      });
    }
  });

  it('the internal pages answer to internal addresses only', async () => {
    await withSubject(database, 'api', { INTERNAL_CIDRS: '10.0.0.0/8,fd00::/8' }, async ({ call }) => {
      for (const path of internalPages) {
        const reply = await call('GET', path);
        expect([path, reply.status, problemOf(reply)]).toEqual([path, 403, 'forbidden']);
      }
      const page = await call('GET', '/', { headers: { accept: 'text/html' } });
      expect(page.header('content-type')).toMatch(/^application\/json/);
      for (const path of ['/health', '/ready', '/items']) expect((await call('GET', path)).status).toBe(200);
      // nobody is trusted to say otherwise
      expect((await call('GET', '/metrics', { headers: { 'x-forwarded-for': '10.1.2.3' } })).status).toBe(403);
    });
  });

  it('a trusted proxy says who asks', async () => {
    const settings = { INTERNAL_CIDRS: '10.0.0.0/8,fd00::/8', TRUSTED_PROXIES: '127.0.0.0/8,192.0.2.1' };
    await withSubject(database, 'api', settings, async ({ call, service }) => {
      for (const [forwardedFor, status] of [
        ['10.1.2.3', 200],
        ['fd00::1', 200],
        ['::ffff:10.1.2.3', 200],
        ['8.8.8.8, 10.1.2.3', 200],
        ['10.1.2.3, 192.0.2.1', 200],
        ['8.8.8.8', 403],
        ['10.1.2.3, 8.8.8.8', 403],
        ['2001:db8::1', 403],
        ['unknown', 403],
        ['10.1.2.3:4711', 403],
        ["'; drop table items; --", 403],
        [',', 403],
        ['999.1.1.1', 403],
        ['::ffff:zz', 403],
        ['10.1.2.3%lo', 403],
      ] as const) {
        const reply = await call('GET', '/metrics', { headers: { 'x-forwarded-for': forwardedFor } });
        expect([forwardedFor, reply.status]).toEqual([forwardedFor, status]);
      }
      await call('GET', '/health', { headers: { 'x-forwarded-for': '203.0.113.7' } });
      await expect.poll(() => service.log().some((line) => line['client'] === '203.0.113.7')).toBe(true);
    });
  });

  it('a client that asks too often is 429 until the window ends; the others are not', async () => {
    const settings = { RATE_LIMIT_MAX: '5', RATE_LIMIT_WINDOW_MS: '3600000', TRUSTED_PROXIES: '127.0.0.0/8' };
    await withSubject(database, 'api', settings, async ({ call }) => {
      const from = (client: string) => call('GET', '/health', { headers: { 'x-forwarded-for': client } });
      for (let left = 4; left >= 0; left -= 1) {
        const reply = await from('192.0.2.7');
        expect([reply.status, reply.header('ratelimit')]).toEqual([200, expect.stringContaining(`;r=${left};`)]);
        expect(reply.header('ratelimit-policy')).toBe('"default";q=5;w=3600');
      }
      const refused = await from('192.0.2.7');
      expect([refused.status, problemOf(refused)]).toEqual([429, 'rate-limited']);
      expect(Number(refused.header('retry-after'))).toBeGreaterThan(3500);
      expect(refused.header('ratelimit')).toMatch(/;r=0;t=3\d\d\d$/);
      expect((await from('192.0.2.8')).status).toBe(200);
    });
  });

  it('the window of the rate limit ends', async () => {
    await withSubject(database, 'api', { RATE_LIMIT_MAX: '20', RATE_LIMIT_WINDOW_MS: '2000' }, async ({ call }) => {
      const statuses = new Set<number>();
      // what reaches no route is counted, too
      while (!statuses.has(429)) statuses.add((await call('GET', '/%zz')).status);
      await expect
        .poll(async () => (await call('GET', '/health')).status, { timeout: 10_000, interval: 200 })
        .toBe(200);
    });
  });

  it('CORS_ORIGINS lets a browser of that origin in, and no other', async () => {
    await withSubject(database, 'api', { CORS_ORIGINS: 'https://app.test' }, async ({ call, service }) => {
      const allowed = await call('GET', '/items', { headers: { origin: 'https://app.test' } });
      expect(allowed.header('access-control-allow-origin')).toBe('https://app.test');
      expect(allowed.header('access-control-expose-headers')).toContain('Commit-LSN');
      const other = await call('GET', '/items', { headers: { origin: 'https://evil.test' } });
      expect(other.header('access-control-allow-origin')).toBeNull();
      const preflight = await fetch(`${service.url}/items/1`, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://app.test',
          'access-control-request-method': 'PUT',
          'access-control-request-headers': 'authorization,idempotency-key,if-match,content-type',
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
      expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key');
    });
  });

  it('keys come from a file, too, and an item made with one is there for all', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pgha-keys-'));
    await writeFile(`${dir}/keys`, `shop:${keys.old}\n\n${keys.next}\n`);
    await withSubject(database, 'api', { API_KEYS_FILE: `${dir}/keys` }, async (api) => {
      expect((await api.call('POST', '/items', { body: item })).status).toBe(401);
      const call: Subject['call'] = (method, path, options) =>
        api.call(method, path, { ...options, headers: { authorization: `Bearer ${keys.next}` } });
      const { id } = await createItem({ ...api, call });
      expect((await api.call('GET', `/items/${id}`)).status).toBe(200);
    });
    await rm(dir, { recursive: true });
  });
});
