import { expect, it } from 'vitest';
import { type Contract, createItem, type ItemView, problemOf } from '../fixture/contract.ts';

const noItem = '/items/9000000000000000000';

/** Creating, reading, changing and deleting one item or many. */
export function describeItems(contract: () => Contract): void {
  it('POST /items is 201 with the item, its path, its tag and the position of the commit', async () => {
    const { api } = contract();
    const reply = await api.call('POST', '/items', { body: { name: 'Mouse', description: 'Optical', price: 19.5 } });
    expect(reply.status).toBe(201);
    const item = reply.json<ItemView>();
    expect(Object.keys(item)).toEqual(['id', 'name', 'description', 'price', 'is_active', 'created_at', 'updated_at']);
    expect(item).toMatchObject({ name: 'Mouse', description: 'Optical', price: 19.5, is_active: true });
    expect(item.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/);
    expect(item.updated_at).toBe(item.created_at);
    expect(reply.text).toContain('"price":19.50');
    expect(reply.header('location')).toBe(`/items/${item.id}`);
    expect(reply.header('etag')).toMatch(/^"[^"]+"$/);
    expect(reply.header('commit-lsn')).toMatch(/^[0-9A-F]+\/[0-9A-F]+;tl=[1-9][0-9]*$/);
    expect(reply.header('idempotency-replayed')).toBeNull();
    const read = await api.call('GET', `/items/${item.id}`);
    expect([read.status, read.text, read.header('etag')]).toEqual([200, reply.text, reply.header('etag')]);
  });

  it('the edges of every field are accepted, in characters and not in bytes', async () => {
    const { api } = contract();
    for (const fields of [
      { name: 'x' },
      { name: '😀'.repeat(255), description: '中'.repeat(1000) },
      { description: null },
      { description: '' },
      { price: 0 },
      { price: 9_999_999_999.99 },
      { price: 0.01 },
      { is_active: false },
    ]) {
      expect(await createItem(api, fields)).toMatchObject(fields);
    }
  });

  it('what goes beyond them is 422, and says where', async () => {
    const { api } = contract();
    const cases: [object, string][] = [
      [{ price: 1 }, 'body/name'],
      [{ name: 'a' }, 'body/price'],
      [{ name: '', price: 1 }, 'body/name'],
      [{ name: 'x'.repeat(256), price: 1 }, 'body/name'],
      [{ name: '😀'.repeat(256), price: 1 }, 'body/name'],
      [{ name: 1, price: 1 }, 'body/name'],
      [{ name: null, price: 1 }, 'body/name'],
      [{ name: 'a\0b', price: 1 }, 'body/name'],
      [{ name: 'a', price: 1, description: 'x'.repeat(1001) }, 'body/description'],
      [{ name: 'a', price: 1, description: 5 }, 'body/description'],
      [{ name: 'a', price: -0.01 }, 'body/price'],
      [{ name: 'a', price: 1.005 }, 'body/price'],
      [{ name: 'a', price: 10_000_000_000 }, 'body/price'],
      [{ name: 'a', price: '1' }, 'body/price'],
      [{ name: 'a', price: null }, 'body/price'],
      [{ name: 'a', price: 1, is_active: 'true' }, 'body/is_active'],
      [{ name: 'a', price: 1, is_active: null }, 'body/is_active'],
      [{ name: 'a', price: 1, id: 7 }, 'body/id'],
      [{ name: 'a', price: 1, 'a/b~c': 7 }, 'body/a~1b~0c'],
    ];
    for (const [body, path] of cases) {
      const reply = await api.call('POST', '/items', { body });
      expect([body, reply.status, problemOf(reply)]).toEqual([body, 422, 'validation']);
      const { errors } = reply.json<{ errors: { path: string; message: string }[] }>();
      expect(errors.map((error) => error.path)).toContain(path);
    }
  });

  it('every wrong field is named at once', async () => {
    const reply = await contract().api.call('POST', '/items', { body: { name: '', price: -1, color: 'red' } });
    const { errors } = reply.json<{ errors: { path: string }[] }>();
    expect(errors.map(({ path }) => path).sort()).toEqual(['body/color', 'body/name', 'body/price']);
  });

  it('half a surrogate pair is 422, a whole one is stored', async () => {
    const { api } = contract();
    const refused = await api.call('POST', '/items', { body: String.raw`{"name":"\ud800","price":1}` });
    expect(refused.status).toBe(422);
    const stored = await api.call('POST', '/items', { body: String.raw`{"name":"\ud83d\ude00","price":1}` });
    expect(stored.json<ItemView>().name).toBe('😀');
  });

  it.each(['PUT', 'PATCH'])('%s /items/{id} changes the fields that are there, and no other', async (method) => {
    const { api } = contract();
    const item = await createItem(api, { description: 'old' });
    const reply = await api.call(method, `/items/${item.id}`, { body: { price: 1, description: null } });
    expect(reply.status).toBe(200);
    const changed = reply.json<ItemView>();
    expect(changed).toEqual({
      id: item.id,
      name: 'Keyboard',
      price: 1,
      description: null,
      is_active: true,
      created_at: item.created_at,
      updated_at: expect.any(String),
    });
    expect(changed.updated_at).not.toBe(item.updated_at);
    expect(Date.parse(changed.updated_at)).toBeGreaterThanOrEqual(Date.parse(item.updated_at));
    expect(reply.header('etag')).not.toBe(item.etag);
    expect(reply.header('commit-lsn')).toMatch(/;tl=/);
    expect((await api.call('GET', `/items/${item.id}`)).text).toBe(reply.text);
  });

  it.each(['PUT', 'PATCH'])('%s without a field is 422, of an item that is not there 404', async (method) => {
    const { api } = contract();
    const { id } = await createItem(api);
    expect((await api.call(method, `/items/${id}`, { body: {} })).status).toBe(422);
    expect((await api.call(method, `/items/${id}`, { body: { name: null } })).status).toBe(422);
    expect((await api.call(method, noItem, { body: { price: 1 } })).status).toBe(404);
  });

  it('DELETE /items/{id} is 204 once and then 404', async () => {
    const { api } = contract();
    const { id } = await createItem(api);
    const reply = await api.call('DELETE', `/items/${id}`);
    expect([reply.status, reply.text]).toEqual([204, '']);
    expect(reply.header('commit-lsn')).toMatch(/;tl=/);
    expect((await api.call('DELETE', `/items/${id}`)).status).toBe(404);
    expect((await api.call('GET', `/items/${id}`)).status).toBe(404);
  });

  it.each([
    ['0', 404],
    ['9223372036854775807', 404],
    ['9223372036854775808', 404],
    ['99999999999999999999999999', 404],
    ['-1', 422],
    ['1.5', 422],
    ['x', 422],
    ['%00', 422],
    ['1%2F2', 422],
    ['%zz', 400],
  ])('the id %s is %i', async (id, status) => {
    const { api, reads } = contract();
    for (const [subject, method] of [
      [api, 'GET'],
      [api, 'DELETE'],
      [reads, 'GET'],
    ] as const) {
      expect([id, method, (await subject.call(method, `/items/${id}`)).status]).toEqual([id, method, status]);
    }
  });

  it('a batch is created as a whole, in its order', async () => {
    const { api } = contract();
    const names = Array.from({ length: 1000 }, (_, at) => `batch ${at}`);
    const reply = await api.call('POST', '/items/batch', { body: names.map((name) => ({ name, price: 1 })) });
    expect(reply.status).toBe(201);
    expect(reply.header('commit-lsn')).toMatch(/;tl=/);
    const items = reply.json<ItemView[]>();
    expect(items.map(({ name }) => name)).toEqual(names);
    expect(items.map(({ id }) => id)).toEqual(items.map(({ id }) => id).sort((a, b) => a - b));
  });

  it('a batch with one wrong item, none, or too many creates nothing', async () => {
    const { api, database } = contract();
    const good = { name: 'all or nothing', price: 1 };
    for (const body of [[good, { ...good, price: -1 }], [], Array.from({ length: 1001 }, () => good), good, [[good]]]) {
      expect((await api.call('POST', '/items/batch', { body })).status).toBe(422);
    }
    const reply = await api.call('POST', '/items/batch', { body: [good, { name: 'b', price: 0.001 }] });
    expect(reply.json<{ errors: { path: string }[] }>().errors[0]?.path).toBe('body/1/price');
    const client = await database.connect();
    const { rows } = await client.query(`select from items where name = 'all or nothing'`);
    await client.end();
    expect(rows).toEqual([]);
  });
}
