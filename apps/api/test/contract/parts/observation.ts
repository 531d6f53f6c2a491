import { expect, it } from 'vitest';
import { type Contract, createItem, problemOf } from '../fixture/contract.ts';
import { eventually, type LogLine } from '../fixture/service.ts';
import { openWire } from '../fixture/wire.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';

/** Metrics and the log. */
export function describeObservation(contract: () => Contract): void {
  it('the metrics have the names that dashboards and alerts go by', async () => {
    const { api, reads } = contract();
    await createItem(api);
    for (const { call } of [api, reads]) {
      const reply = await call('GET', '/metrics');
      expect(reply.header('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      const types = [...reply.text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
      expect(types).toEqual(
        expect.arrayContaining([
          'http_request_duration_seconds histogram',
          'http_requests_in_flight gauge',
          'db_pool_connections gauge',
          'db_pool_wait_seconds histogram',
          'db_query_duration_seconds histogram',
          'db_retries_total counter',
          'write_hold_seconds histogram',
          'writes_outcome_unknown_total counter',
          'replica_wait_seconds histogram',
          'replica_lag_bytes gauge',
          'process_cpu_seconds_total counter',
          'nodejs_eventloop_lag_seconds gauge',
        ]),
      );
    }
  });

  it('a request counts under its method, its template and its status, whatever its path', async () => {
    const { api } = contract();
    for (const path of ['/items/123456', '/items/x', '/no/such/path', '/items?limit=3']) await api.call('GET', path);
    const wire = await openWire(api.service.port);
    wire.send('FOO /items HTTP/1.1\r\nHost: a\r\n\r\n');
    await wire.answer('GET');
    wire.close();
    const { text } = await api.call('GET', '/metrics');
    const counted = (method: string, route: string, status: number) =>
      text.includes(`http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`);
    expect(counted('GET', '/items/:id', 404)).toBe(true);
    expect(counted('GET', '/items/:id', 422)).toBe(true);
    expect(counted('GET', 'unmatched', 404)).toBe(true);
    expect(counted('GET', '/items', 200)).toBe(true);
    for (const raw of ['123456', 'no/such', 'FOO']) expect(text).not.toContain(raw);
    expect(text).toMatch(/^db_pool_connections\{pool="primary",state="(active|idle|waiting)"\} \d+$/m);
    expect(text).toMatch(/^db_query_duration_seconds_count\{statement="[a-z-]+"\} \d+$/m);
  });

  it('a request whose client has gone is in flight no more', async () => {
    const { reads } = contract();
    const wire = await openWire(reads.service.port);
    wire.send('GET /items HTTP/1.1\r\nHost: a\r\nMin-LSN: FFFFFFFF/0\r\n\r\n');
    const inFlight = async () => {
      const { text } = await reads.call('GET', '/metrics');
      return Number(/^http_requests_in_flight (\d+)$/m.exec(text)?.[1]);
    };
    await eventually('the read to wait', 5_000, async () => (await inFlight()) === 2);
    wire.reset();
    await eventually('the read to be given up', 5_000, async () => (await inFlight()) === 1);
    await eventually('its line', 5_000, () => reads.service.log().some((line) => line['status'] === 499));
  });

  it('every request is one line of the log, with its id and the trace it belongs to', async () => {
    const { api } = contract();
    const marker = Math.random().toString(36).slice(2);
    const call = (traceparent: string, at: number) =>
      api.call('GET', `/nowhere/${marker}/${at}`, { headers: { traceparent } });
    const given = [
      `00-${traceId}-b7ad6b7169203331-01`,
      `01-${traceId}-b7ad6b7169203331-00-more`,
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `ff-${traceId}-b7ad6b7169203331-01`,
      `00-${traceId.toUpperCase()}-b7ad6b7169203331-01`,
      `00-${traceId}-b7ad6b7169203331-01-more`,
      'nonsense',
    ];
    for (const [at, traceparent] of given.entries()) await call(traceparent, at);
    const lines = () => api.service.log().filter((line) => String(line['url']).includes(marker));
    await eventually('the lines', 5_000, () => lines().length >= given.length);
    expect(lines()).toHaveLength(given.length);
    expect(lines().map((line) => line['trace'])).toEqual([
      traceId,
      traceId,
      ...Array(given.length - 2).fill(undefined),
    ]);
    expect(new Set(lines().map(({ req }) => req)).size).toBe(given.length);
    expect(lines()[0]).toEqual({
      level: 30,
      time: expect.stringMatching(/Z$/),
      req: expect.any(String),
      trace: traceId,
      method: 'GET',
      url: `/nowhere/${marker}/0`,
      status: 404,
      ms: expect.any(Number),
      client: '127.0.0.1',
    });
  });

  it('what reaches no route has a line, too', async () => {
    const { api } = contract();
    const before = api.service.log().length;
    await api.call('GET', '/%zz-logged');
    for (const text of ['garbage\r\n\r\n', 'GET /expecting HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n']) {
      const wire = await openWire(api.service.port);
      wire.send(text);
      await wire.answer('GET');
      wire.close();
    }
    const since = (): LogLine[] => api.service.log().slice(before);
    for (const wanted of [
      { url: '/%zz-logged', status: 400 },
      { url: '/expecting', status: 417 },
      { msg: 'broken request', status: 400 },
    ]) {
      await eventually(JSON.stringify(wanted), 5_000, () =>
        since().some((line) => Object.entries(wanted).every(([name, value]) => line[name] === value)),
      );
    }
  });

  it('a failure shows the id that the log has, and nothing of what the log says', async () => {
    const { reads } = contract();
    const reply = await reads.call('GET', '/items', { headers: { 'min-lsn': 'FFFFFFFF/0' } });
    expect(problemOf(reply)).toBe('replica-behind');
    const { request_id: id } = reply.json<{ request_id: string }>();
    const lines = () => reads.service.log().filter(({ req }) => req === id);
    await eventually('both lines', 5_000, () => lines().length === 2);
    expect(lines()[0]).toMatchObject({ problem: 'replica-behind', err: { stack: expect.any(String) } });
    expect(reply.text).not.toContain('stack');
  });

  it('the log shows no password', () => {
    const { api, reads, database } = contract();
    for (const { service } of [api, reads]) {
      for (const { password } of Object.values(database.pair.logins)) expect(service.output()).not.toContain(password);
    }
  });
}
