import { expect, it } from 'vitest';
import { type Contract, createItem, type ItemView, type Subject } from '../fixture/contract.ts';

/** Lists, pages and conditions. */
export function describeLists(contract: () => Contract): void {
  const ids = async (subject: Subject, query: string) =>
    (await subject.call('GET', `/items${query}`)).json<ItemView[]>().map(({ id }) => id);

  /** Five items of which the second and the fourth are not active, everywhere to be seen. */
  async function fiveItems(): Promise<{ subjects: Subject[]; made: number[]; before: number; lsn: string }> {
    const { api, reads } = contract();
    const made: number[] = [];
    let lsn = '';
    for (let at = 0; at < 5; at += 1) {
      const item = await createItem(api, { name: `page ${at}`, is_active: at % 2 === 0 });
      made.push(item.id);
      lsn = item.lsn;
    }
    await reads.call('GET', '/items?limit=1', { headers: { 'min-lsn': lsn } });
    return { subjects: [api, reads], made, before: (made[0] ?? 0) - 1, lsn };
  }

  it('a list is ordered by id, a hundred items unless it is asked for more or fewer', async () => {
    const { api, reads } = contract();
    await api.call('POST', '/items/batch', { body: Array.from({ length: 150 }, () => ({ name: 'many', price: 1 })) });
    for (const subject of [api, reads]) {
      expect(await ids(subject, '')).toHaveLength(100);
      expect(await ids(subject, '?limit=1')).toHaveLength(1);
      const most = await ids(subject, '?limit=1000');
      expect(most.length).toBeGreaterThan(100);
      expect(most).toEqual([...most].sort((a, b) => a - b));
    }
  });

  it('skip passes rows over, active_only leaves the others out', async () => {
    const { subjects, made, before } = await fiveItems();
    for (const subject of subjects) {
      expect(await ids(subject, `?after=${before}&skip=2&limit=2`)).toEqual(made.slice(2, 4));
      expect(await ids(subject, `?after=${before}&active_only=true`)).toEqual([made[0], made[2], made[4]]);
      expect(await ids(subject, `?after=${before}&active_only=false`)).toEqual(made);
      expect(await ids(subject, '?skip=1000000')).toEqual([]);
    }
  });

  it('Link leads from page to page, over every item and over each once', async () => {
    const { subjects, made, before } = await fiveItems();
    for (const subject of subjects) {
      const seen: number[] = [];
      let target: string | undefined = `/items?after=${before}&limit=2&active_only=false`;
      while (target !== undefined) {
        const reply = await subject.call('GET', target);
        seen.push(...reply.json<ItemView[]>().map(({ id }) => id));
        const link = reply.header('link');
        target = link === null ? undefined : /^<([^>]+)>; rel="next"$/.exec(link)?.[1];
        if (link !== null) expect(target).toBeDefined();
      }
      expect(seen).toEqual(made);
    }
  });

  it('Link keeps active_only', async () => {
    const { subjects, before } = await fiveItems();
    for (const subject of subjects) {
      const reply = await subject.call('GET', `/items?after=${before}&limit=2&active_only=true`);
      expect(reply.header('link')).toContain('active_only=true');
    }
  });

  it('after any number that a database cannot hold there is nothing', async () => {
    const { api, reads } = contract();
    for (const subject of [api, reads]) {
      expect(await ids(subject, '?after=9223372036854775807')).toEqual([]);
      expect(await ids(subject, '?after=99999999999999999999999')).toEqual([]);
      expect((await ids(subject, '?after=0&limit=1')).length).toBe(1);
    }
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=a',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'limit=0x10',
    'limit=1e2',
    'limit=+5',
    'limit=%2B5',
    'limit=%205',
    'limit=5%20',
    'limit=5.0',
    'skip=0b1',
    'skip=-0',
    'skip=%D9%A1',
    'skip=-1',
    'skip=1000001',
    'skip=1e400',
    'active_only=maybe',
    'active_only=',
    'after=-1',
    'after=x',
    'after=1&after=2',
    'limit[]=1',
    'order=name',
    '__proto__=1',
  ])('?%s is 422', async (query) => {
    const { api, reads } = contract();
    for (const subject of [api, reads]) {
      const reply = await subject.call('GET', `/items?${query}`);
      expect([query, reply.status]).toEqual([query, 422]);
      expect(reply.json<{ errors: { path: string }[] }>().errors[0]?.path).toMatch(/^query\//);
    }
  });

  it('If-None-Match is 304 while the item has one of the tags, compared weakly', async () => {
    const { api, reads } = contract();
    const { id, etag, lsn } = await createItem(api);
    for (const subject of [api, reads]) {
      const read = (ifNoneMatch: string) =>
        subject.call('GET', `/items/${id}`, { headers: { 'if-none-match': ifNoneMatch, 'min-lsn': lsn } });
      for (const matching of [etag, `W/${etag}`, `"x", ${etag}`, `"a,b" ,W/"y",${etag}`, '*']) {
        const reply = await read(matching);
        expect([matching, reply.status, reply.text, reply.header('etag')]).toEqual([matching, 304, '', etag]);
        // RFC 9110, 8.6: a length would be that of the item
        expect([reply.header('content-length'), reply.header('content-type')]).toEqual([null, null]);
      }
      for (const other of ['"x"', 'W/"x"', `"${etag.slice(1, -1)}0"`]) expect((await read(other)).status).toBe(200);
      for (const malformed of [etag.slice(1, -1), `${etag} ${etag}`, 'x']) {
        expect((await read(malformed)).status).toBe(400);
      }
    }
  });

  it.each(['PUT', 'PATCH', 'DELETE'])(
    'If-Match lets %s through only with a tag that matches strongly',
    async (method) => {
      const { api } = contract();
      const { id, etag } = await createItem(api);
      const body = method === 'DELETE' ? {} : { body: { price: 2 } };
      const write = (ifMatch: string) =>
        api.call(method, `/items/${id}`, { ...body, headers: { 'if-match': ifMatch } });
      for (const other of ['"x"', `W/${etag}`, `"x", W/${etag}`]) {
        const reply = await write(other);
        expect([other, reply.status]).toEqual([other, 412]);
      }
      for (const malformed of [etag.slice(1, -1), `${etag} ${etag}`, '"']) {
        expect((await write(malformed)).status).toBe(400);
      }
      expect((await api.call('GET', `/items/${id}`)).header('etag')).toBe(etag);
      expect((await write(`"x", "a,b", ${etag}`)).status).toBeLessThan(300);
      if (method !== 'DELETE') expect((await write('*')).status).toBe(200);
      expect((await write(etag)).status).toBe(method === 'DELETE' ? 404 : 412);
    },
  );
}
