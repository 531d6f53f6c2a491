import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Contract, createItem, type ItemView, problemOf, type Reply, withSubject } from '../fixture/contract.ts';
import { lockRow } from '../fixture/row-lock.ts';
import { eventually } from '../fixture/service.ts';

/** `Idempotency-Key`. */
export function describeIdempotency(contract: () => Contract): void {
  const withKey = (key: string, more: Record<string, string> = {}) => ({ 'idempotency-key': key, ...more });

  const shown = (reply: Reply) => [reply.status, reply.text, reply.header('etag'), reply.header('location')];

  it('the same request with the same key is answered again, and not applied again', async () => {
    const { api } = contract();
    const { id } = await createItem(api);
    const other = await createItem(api);
    const requests: [string, string, object | undefined][] = [
      ['POST', '/items', { name: 'once', price: 1 }],
      ['POST', '/items/batch', [{ name: 'once', price: 1 }]],
      ['PUT', `/items/${id}`, { price: 3 }],
      ['PATCH', `/items/${id}`, { price: 4 }],
      ['DELETE', `/items/${other.id}`, undefined],
    ];
    for (const [method, path, body] of requests) {
      const headers = withKey(randomUUID());
      const first = await api.call(method, path, { headers, body });
      expect(first.status, first.text).toBeLessThan(300);
      expect(first.header('idempotency-replayed')).toBeNull();
      const second = await api.call(method, path, { headers, body });
      expect(shown(second)).toEqual(shown(first));
      expect(second.header('idempotency-replayed')).toBe('true');
      expect(second.header('commit-lsn')).toMatch(/;tl=/);
    }
    expect((await api.call('GET', `/items/${id}`)).json<ItemView>().price).toBe(4);
  });

  it('another request with the same key is 422, and the first answer stays', async () => {
    const { api } = contract();
    const headers = withKey(randomUUID());
    const first = await api.call('POST', '/items', { headers, body: { name: 'first', price: 1 } });
    const other = await api.call('POST', '/items', { headers, body: { name: 'second', price: 1 } });
    expect([other.status, problemOf(other)]).toEqual([422, 'key-reused']);
    const again = await api.call('POST', '/items', { headers, body: { name: 'first', price: 1 } });
    expect(shown(again)).toEqual(shown(first));
  });

  it('another condition makes it another request', async () => {
    const { api } = contract();
    const { id, etag } = await createItem(api);
    const key = randomUUID();
    const call = (headers: Record<string, string>) =>
      api.call('PUT', `/items/${id}`, { headers: withKey(key, headers), body: { price: 2 } });
    expect((await call({ 'if-match': etag })).status).toBe(200);
    expect((await call({ 'if-match': etag })).header('idempotency-replayed')).toBe('true');
    expect((await call({})).status).toBe(422);
  });

  it('a key counts for its method and path alone', async () => {
    const { api } = contract();
    const headers = withKey(randomUUID());
    const [one, two] = [await createItem(api), await createItem(api)];
    for (const [method, path, body] of [
      ['POST', '/items', { name: 'a', price: 1 }],
      ['POST', '/items/batch', [{ name: 'a', price: 1 }]],
      ['PUT', `/items/${one.id}`, { price: 1 }],
      ['PATCH', `/items/${one.id}`, { price: 1 }],
      ['PUT', `/items/${two.id}`, { price: 1 }],
    ] as const) {
      const reply = await api.call(method, path, { headers, body });
      expect([path, reply.status < 300, reply.header('idempotency-replayed')]).toEqual([path, true, null]);
    }
  });

  it('what was refused is not kept: the key is free again', async () => {
    const { api } = contract();
    const headers = withKey(randomUUID());
    const { id, etag } = await createItem(api);
    const put = (ifMatch: string) =>
      api.call('PUT', `/items/${id}`, { headers: { ...headers, 'if-match': ifMatch }, body: { price: 2 } });
    expect((await put('"other"')).status).toBe(412);
    expect((await put(etag)).status).toBe(200);
  });

  it('while the first is still running the second is 409; afterwards it is answered from the record', async () => {
    const { api, database } = contract();
    const { id } = await createItem(api);
    const request = { headers: withKey(randomUUID()), body: { price: 7 } };
    const lock = await lockRow(database, id);
    const first = api.call('PUT', `/items/${id}`, request);
    await lock.waitedFor();
    const second = await api.call('PUT', `/items/${id}`, request);
    expect([second.status, problemOf(second)]).toEqual([409, 'key-in-use']);
    await lock.release();
    expect((await first).status).toBe(200);
    const third = await api.call('PUT', `/items/${id}`, request);
    expect(shown(third)).toEqual(shown(await first));
    expect(third.header('idempotency-replayed')).toBe('true');
  });

  it('twenty at once are applied once', async () => {
    const { api } = contract();
    const headers = withKey(randomUUID());
    const body = { name: randomUUID(), price: 1 };
    const replies = await Promise.all(Array.from({ length: 20 }, () => api.call('POST', '/items', { headers, body })));
    const applied = replies.filter(({ status }) => status === 201);
    expect(replies.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
    expect(new Set(applied.map((reply) => reply.json<ItemView>().id)).size).toBe(1);
    expect(applied.filter((reply) => reply.header('idempotency-replayed') === null)).toHaveLength(1);
  });

  it.each([
    ['x'.repeat(255), 201],
    ['!"#$%&\'()*+,-./:;<=>?@[]^_`{|}~ a', 201],
    ['x'.repeat(256), 400],
    ['', 400],
    ['\u00e9', 400],
    ['a\tb', 400],
  ])('the key %j is %i', async (key, status) => {
    const { api } = contract();
    const reply = await api.call('POST', '/items', { headers: withKey(key), body: { name: 'a', price: 1 } });
    expect(reply.status, reply.text).toBe(status);
  });

  it('a record is purged when it is older than its retention', async () => {
    const { api, database } = contract();
    const headers = withKey(randomUUID());
    const body = { name: 'kept for a day', price: 1 };
    const first = (await api.call('POST', '/items', { headers, body })).json<ItemView>();
    const client = await database.connect();
    await client.query(`update idempotency_records set created_at = created_at - interval '25 hours'`);
    // a service purges as soon as it starts
    await withSubject(database, 'api', {}, async (started) => {
      await eventually('the purge', 10_000, async () => {
        const { rows } = await client.query('select from idempotency_records');
        return rows.length === 0;
      });
      const again = await started.call('POST', '/items', { headers, body });
      expect(again.status).toBe(201);
      expect(again.json<ItemView>().id).not.toBe(first.id);
    });
    await client.end();
  });
}
