import { expect, it } from 'vitest';
import { type Contract, createItem, problemOf, type Subject } from '../fixture/contract.ts';
import { openWire } from '../fixture/wire.ts';

const mebibyte = 1024 * 1024;
const item = JSON.stringify({ name: 'a', price: 1 });

/** What the services do not take, and how they say so. */
export function describeRefusals(contract: () => Contract): void {
  const post = (subject: Subject, body: string | Uint8Array, headers: Record<string, string> = {}) =>
    subject.call('POST', '/items', { body, headers: { 'content-type': 'application/json', ...headers } });

  it('an error is a problem of RFC 9457', async () => {
    const reply = await contract().api.call('GET', '/items/x?y=1');
    expect(reply.header('content-type')).toMatch(/^application\/problem\+json/);
    expect(reply.json()).toEqual({
      type: '/problems/validation',
      title: expect.any(String),
      status: 422,
      detail: expect.any(String),
      instance: '/items/x',
      errors: [{ path: 'path/id', message: expect.any(String) }],
    });
  });

  it('the type of a problem leads to what it means', async () => {
    const { api, reads } = contract();
    for (const { call } of [api, reads]) {
      const document = (await call('GET', '/openapi.json')).text;
      const types = new Set([...document.matchAll(/"(\/problems\/[a-z-]+)"/g)].map(([, type]) => type ?? ''));
      expect(types.size).toBeGreaterThan(10);
      for (const type of types) {
        const reply = await call('GET', type);
        expect([reply.status, reply.json()['type']]).toEqual([200, type]);
      }
    }
  });

  it.each([
    ['nothing', ''],
    ['half an object', '{"name":'],
    ['two objects', `${item}${item}`],
    ['a comma too many', '{"name":"a","price":1,}'],
    ['NaN', '{"name":"a","price":NaN}'],
    ['a prototype', '{"__proto__":{},"name":"a","price":1}'],
    ['bytes that are not UTF-8', Buffer.from('{"name":"\xff","price":1}', 'latin1')],
    ['an overlong form', Buffer.from('{"name":"\xc0\x80","price":1}', 'latin1')],
    ['UTF-16', Buffer.from(item, 'utf16le')],
  ])('%s is 400: not JSON', async (_, body) => {
    const reply = await post(contract().api, body);
    expect([reply.status, problemOf(reply)]).toEqual([400, 'bad-request']);
  });

  it('a body of a mebibyte is read, a larger one is 413, and the client can read that', async () => {
    const { api } = contract();
    const sized = (bytes: number) => item.padEnd(bytes, ' ');
    expect((await post(api, sized(mebibyte))).status).toBe(201);
    for (const bytes of [mebibyte + 1, 20 * mebibyte]) {
      const reply = await post(api, sized(bytes));
      expect([bytes, reply.status, problemOf(reply)]).toEqual([bytes, 413, 'too-large']);
    }
  });

  it('a body in chunks is measured, too', async () => {
    const wire = await openWire(contract().api.service.port);
    wire.send(
      'POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    wire.send(`100001\r\n${' '.repeat(0x100001)}\r\n0\r\n\r\n`);
    expect((await wire.answer('POST'))?.status).toBe(413);
    wire.close();
  });

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/merge-patch+json', 'x'])(
    'a body of type %s is 415',
    async (type) => {
      const { api } = contract();
      const { id } = await createItem(api);
      expect((await post(api, item, { 'content-type': type })).status).toBe(415);
      const put = await api.call('PUT', `/items/${id}`, { body: '{"price":1}', headers: { 'content-type': type } });
      expect([put.status, problemOf(put)]).toEqual([415, 'unsupported-media-type']);
    },
  );

  it('a compressed body is 415', async () => {
    expect((await post(contract().api, item, { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await post(contract().api, item, { 'content-encoding': 'identity' })).status).toBe(201);
  });

  it('JSON is taken with a charset and in any case of its type', async () => {
    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON']) {
      expect((await post(contract().api, item, { 'content-type': type })).status).toBe(201);
    }
  });

  it('a body of a megabyte with a million faults is refused without holding up the others', async () => {
    const { api } = contract();
    const body = `[${Array.from({ length: 340_000 }, () => '{}').join(',')}]`;
    const started = performance.now();
    const reply = await api.call('POST', '/items/batch', { body });
    const refusedMs = performance.now() - started;
    expect(reply.status).toBe(422);
    expect(reply.json<{ errors: object[] }>().errors.length).toBeLessThanOrEqual(20);
    const valid = `[${Array.from({ length: 1_000 }, () => item.replace('"a"', `"${'x'.repeat(250)}"`)).join(',')}]`;
    const again = performance.now();
    expect((await api.call('POST', '/items/batch', { body: valid })).status).toBe(201);
    // a refusal that costs more than thirty times what a full batch costs is an attack
    expect(refusedMs).toBeLessThan(30 * (performance.now() - again));
  });

  /** Bytes to a service, and the statuses of what comes back until it closes or as many as are wanted have come. */
  async function statuses(subject: Subject, text: string, wanted: number, method = 'GET'): Promise<number[]> {
    const wire = await openWire(subject.service.port);
    wire.send(Buffer.from(text, 'latin1'));
    const seen: number[] = [];
    while (seen.length < wanted) {
      const answer = await wire.answer(method);
      if (!answer) break;
      expect(answer.headers.get('content-type')?.[0]).toMatch(/^application\//);
      if (answer.status >= 400) expect(answer.headers.get('content-type')?.[0]).toMatch(/^application\/problem\+json/);
      seen.push(answer.status);
    }
    wire.close();
    return seen;
  }

  it.each([
    ['a request that is not HTTP', 'garbage\r\n\r\n', 400],
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['a header that ends in NUL', 'GET /health HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n', 400],
    ['a target that is no path', 'GET xhealth HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a target that is a star', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['an expectation', 'GET /health HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n', 417],
    ['17 KiB of headers', `GET /health HTTP/1.1\r\nHost: a\r\nA: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
    ['a path of 17 KiB', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
    ['two lengths', `POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}`, 400],
    [
      'a length and chunks',
      `POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      400,
    ],
  ])('%s is a problem, too', async (_, text, status) => {
    const { api, reads } = contract();
    for (const subject of [api, reads]) expect(await statuses(subject, text, 1)).toEqual([status]);
  });

  it('what cannot be read does not take the answers of the requests before it', async () => {
    const { api } = contract();
    const good = `POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${item.length}\r\n\r\n${item}`;
    expect(await statuses(api, `${good}${good}garbage\r\n\r\n`, 4)).toEqual([201, 201, 400]);
  });

  it('a body that breaks off in its chunks is answered once, after the requests before it', async () => {
    const { api } = contract();
    const get = 'GET /items?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n';
    const broken =
      'POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n';
    expect(await statuses(api, `${get}${broken}`, 3)).toEqual([200, 400]);
  });

  it('a client that has sent everything and closes its side still gets its answers', async () => {
    const wire = await openWire(contract().api.service.port);
    wire.send('GET /items?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
    wire.end();
    for (let at = 0; at < 3; at += 1) expect((await wire.answer('GET'))?.status).toBe(200);
    expect(await wire.answer('GET')).toBeNull();
    wire.close();
  });

  it('HTTP/1.0 is answered', async () => {
    expect(await statuses(contract().api, 'GET /health HTTP/1.0\r\n\r\n', 1)).toEqual([200]);
  });

  it('the address of an instance is a reference, whatever was asked for', async () => {
    const wire = await openWire(contract().api.service.port);
    wire.send(Buffer.from('GET //evil.test/"<\xff> HTTP/1.1\r\nHost: a\r\n\r\n', 'latin1'));
    const problem = JSON.parse((await wire.answer('GET'))?.body.toString() ?? '') as { instance: string };
    expect(new URL(problem.instance, 'http://pgha.test').host).toBe('pgha.test');
    wire.close();
  });
}
