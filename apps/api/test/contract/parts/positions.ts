import { expect, it } from 'vitest';
import { type Contract, createItem, type ItemView, problemOf, withSubject } from '../fixture/contract.ts';

const position = /^[0-9A-F]+\/[0-9A-F]+;tl=[1-9][0-9]*$/;

/** Read your writes: `Commit-LSN`, `Min-LSN` and `Replica-LSN`. */
export function describePositions(contract: () => Contract): void {
  it('a read that carries the Commit-LSN of a write sees it on the other port, every time', async () => {
    const { api, reads } = contract();
    const { id, lsn, etag } = await createItem(api, { price: 0 });
    let last = { lsn, etag };
    for (let price = 1; price <= 50; price += 1) {
      const write = await api.call('PUT', `/items/${id}`, { body: { price } });
      last = { lsn: write.header('commit-lsn') ?? '', etag: write.header('etag') ?? '' };
      const read = await reads.call('GET', `/items/${id}`, { headers: { 'min-lsn': last.lsn } });
      expect([read.status, read.json<ItemView>().price]).toEqual([200, price]);
    }
    const list = await reads.call('GET', `/items?after=${id - 1}&limit=1`, { headers: { 'min-lsn': last.lsn } });
    expect(list.json<ItemView[]>()[0]).toMatchObject({ id, price: 50 });
    const deleted = await api.call('DELETE', `/items/${id}`);
    const headers = { 'min-lsn': deleted.header('commit-lsn') ?? '' };
    expect((await reads.call('GET', `/items/${id}`, { headers })).status).toBe(404);
  });

  it('the timeline may be left out on the way back', async () => {
    const { api, reads } = contract();
    const { id, lsn } = await createItem(api);
    const headers = { 'min-lsn': lsn.replace(/;.*/, '') };
    expect((await reads.call('GET', `/items/${id}`, { headers })).status).toBe(200);
  });

  it('every answer of the read service says how far its server has replayed, those without rows too', async () => {
    const { reads } = contract();
    for (const [method, path, status] of [
      ['GET', '/', 200],
      ['GET', '/health', 200],
      ['GET', '/metrics', 200],
      ['GET', '/nothing', 404],
      ['GET', '/%zz', 400],
      ['POST', '/items', 405],
      ['GET', '/items?limit=0', 422],
    ] as const) {
      const reply = await reads.call(method, path);
      expect([path, reply.status]).toEqual([path, status]);
      expect(reply.header('replica-lsn'), path).toMatch(position);
    }
  });

  it('every answer about items says how new it is', async () => {
    const { api, reads } = contract();
    const { id, lsn, etag } = await createItem(api);
    for (const [path, headers, status] of [
      [`/items/${id}`, { 'min-lsn': lsn }, 200],
      [`/items/${id}`, { 'min-lsn': lsn, 'if-none-match': etag }, 304],
      ['/items/9000000000000000000', {}, 404],
      ['/items/99999999999999999999', {}, 404],
      ['/items?limit=1', {}, 200],
    ] as const) {
      const reply = await reads.call('GET', path, { headers });
      expect([path, reply.status]).toEqual([path, status]);
      expect(reply.header('replica-lsn'), path).toMatch(position);
    }
  });

  it('a position that the replica does not reach in time is 503 with the lag and when to ask again', async () => {
    const { reads } = contract();
    for (const path of ['/items', '/items/1']) {
      const started = performance.now();
      const reply = await reads.call('GET', path, { headers: { 'min-lsn': 'FFFFFFFF/0' } });
      expect([reply.status, problemOf(reply)]).toEqual([503, 'replica-behind']);
      expect(performance.now() - started).toBeGreaterThan(900);
      expect(reply.header('retry-after')).toBe('1');
      expect(reply.header('replica-lsn')).toMatch(position);
      expect(reply.json<{ lag_bytes: number }>().lag_bytes).toBeGreaterThan(2 ** 50);
    }
  });

  it('a timeline that does not exist yet is not reached, whatever the position', async () => {
    const reply = await contract().reads.call('GET', '/items', { headers: { 'min-lsn': '0/1;tl=99' } });
    expect([reply.status, problemOf(reply)]).toEqual([503, 'replica-behind']);
  });

  it('READ_WAIT_MS says how long a read waits', async () => {
    await withSubject(contract().database, 'read-api', { READ_WAIT_MS: '0' }, async ({ call }) => {
      const started = performance.now();
      expect((await call('GET', '/items', { headers: { 'min-lsn': 'FFFFFFFF/0' } })).status).toBe(503);
      expect(performance.now() - started).toBeLessThan(900);
    });
  });

  it.each([
    '',
    'x',
    '0',
    '0/',
    '/0',
    '0/G',
    '0/1;tl=0',
    '0/1;tl=4294967296',
    '0/1;tl=',
    '0/1;tl=-1',
    '123456789/0',
    '0/1,0/2',
  ])('Min-LSN: %j is 400', async (lsn) => {
    for (const path of ['/items', '/items/1']) {
      const reply = await contract().reads.call('GET', path, { headers: { 'min-lsn': lsn } });
      expect([reply.status, problemOf(reply)]).toEqual([400, 'bad-request']);
    }
  });

  it('the connections of the read service cannot write', async () => {
    const { database } = contract();
    const client = await database.connect();
    const { rows } = await client.query<{ setting: string }>(
      `select array_to_string(setconfig, ',') as setting from pg_db_role_setting
         join pg_roles on pg_roles.oid = setrole where rolname = $1`,
      [database.pair.logins.readonly.user],
    );
    const { rows: rights } = await client.query(
      `select has_table_privilege($1, 'items', 'insert, update, delete, truncate') as may_write`,
      [database.pair.logins.readonly.user],
    );
    await client.end();
    expect(rights).toEqual([{ may_write: false }]);
    expect(rows.map(({ setting }) => setting).join()).toContain('default_transaction_read_only');
  });
}
