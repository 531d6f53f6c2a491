import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Contract, Subject } from '../fixture/contract.ts';
import type { OpenApi } from '../fixture/document.ts';

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));

/** The pages that both services have. */
export function describePages(contract: () => Contract): void {
  const both = (check: (subject: Subject, contract: Contract) => Promise<void>) => async () => {
    await check(contract().api, contract());
    await check(contract().reads, contract());
  };

  it(
    'GET / leads to the documentation, the health and the readiness',
    both(async ({ call }) => {
      const reply = await call('GET', '/');
      expect(reply.status).toBe(200);
      expect(reply.json()).toEqual({ message: expect.any(String), docs: '/docs', health: '/health', ready: '/ready' });
    }),
  );

  it(
    'GET / is a page for a browser',
    both(async ({ call }) => {
      const reply = await call('GET', '/', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
      expect(reply.header('content-type')).toMatch(/^text\/html/);
      expect(reply.header('content-security-policy')).toContain("default-src 'none'");
      expect(reply.text).toMatch(/^<!doctype html>/i);
    }),
  );

  it(
    'GET /health says that the service lives, and which it is',
    both(async ({ call }) => {
      const reply = await call('GET', '/health');
      expect(reply.status).toBe(200);
      expect(reply.json()).toEqual({ status: 'healthy', version, timestamp: time });
    }),
  );

  it(
    'GET /ready says that the database answers',
    both(async ({ call }) => {
      const reply = await call('GET', '/ready');
      expect(reply.status).toBe(200);
      expect(reply.json()).toEqual({ status: 'ready', database: 'connected', timestamp: time });
    }),
  );

  it(
    'GET /stats has the figures of the database',
    both(async ({ call, service }) => {
      const figures = (await call('GET', '/stats')).json<Record<string, number>>();
      expect(Object.keys(figures).sort()).toEqual([
        'active_connections',
        'blocks_hit',
        'blocks_read',
        'cache_hit_ratio',
        'connection_usage_percent',
        'database_size_bytes',
        'is_in_recovery',
        'max_connections',
        'replication_lag_bytes',
        'timestamp',
        'transactions_committed',
        'transactions_rolled_back',
      ]);
      expect(figures['is_in_recovery']).toBe(service.name === 'read-api');
      expect(figures['database_size_bytes']).toBeGreaterThan(1_000_000);
      expect(figures['connection_usage_percent']).toBeCloseTo(
        (100 * (figures['active_connections'] ?? 0)) / (figures['max_connections'] ?? 0),
        0,
      );
      expect(figures['cache_hit_ratio']).toBeGreaterThan(0);
      expect(figures['cache_hit_ratio']).toBeLessThanOrEqual(1);
    }),
  );

  it(
    'GET /cluster has the members and the leader',
    both(async ({ call }, { database }) => {
      const view = (await call('GET', '/cluster')).json<{
        members: { name: string; role: string; state: string; timeline: number; lag: number | null }[];
        leader: string;
        synchronous: boolean;
      }>();
      expect(view).toMatchObject({ leader: database.pair.primary(), synchronous: true });
      expect(view.members.map(({ role, state }) => [role, state]).sort()).toEqual([
        ['leader', 'running'],
        ['sync_standby', 'streaming'],
      ]);
    }),
  );

  it(
    'GET /backups is 200 without backups, too',
    both(async ({ call }) => {
      const reply = await call('GET', '/backups');
      expect(reply.status).toBe(200);
      expect(reply.json()).toEqual({
        stanza: null,
        status: 'not_installed',
        status_message: expect.any(String),
        backups: [],
        wal_archive: { min_wal: null, max_wal: null },
        last_full_backup: null,
        last_diff_backup: null,
        timestamp: time,
      });
    }),
  );

  it(
    'GET /docs is a page, /openapi.json its document',
    both(async ({ call }) => {
      const page = await call('GET', '/docs');
      expect(page.status).toBe(200);
      expect(page.header('content-type')).toMatch(/^text\/html/);
      expect(page.header('content-security-policy')).toContain('script-src');
      const script = await call('GET', '/docs/static/swagger-ui-bundle.js');
      expect(script.status).toBe(200);
      const document = (await call('GET', '/openapi.json')).json<OpenApi>();
      expect(document.openapi).toMatch(/^3\.1\./);
    }),
  );

  it(
    'the document has every route, every error and examples',
    both(async ({ call, service }) => {
      const document = (await call('GET', '/openapi.json')).json<OpenApi>();
      const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      );
      const reads = ['/', '/health', '/ready', '/metrics', '/stats', '/cluster', '/backups', '/items', '/items/{id}'];
      const writes = ['POST /items', 'POST /items/batch', 'PUT /items/{id}', 'PATCH /items/{id}', 'DELETE /items/{id}'];
      const expected = [...reads.map((path) => `GET ${path}`), ...(service.name === 'api' ? writes : [])];
      expect(operations).toEqual(expect.arrayContaining(expected));
      if (service.name === 'read-api') expect(operations.filter((each) => !each.startsWith('GET '))).toEqual([]);
      for (const { summary, responses } of Object.values(document.paths).flatMap((each) => Object.values(each))) {
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['429', 'default']));
        for (const [status, { content = {} }] of Object.entries(responses)) {
          for (const [type, media] of Object.entries(content)) {
            if (type.endsWith('json'))
              expect([summary, status, JSON.stringify(media)]).toEqual([
                summary,
                status,
                expect.stringContaining('"example'),
              ]);
          }
        }
      }
      const limits = document.paths['/items']?.['get']?.parameters?.find(({ name }) => name === 'limit');
      expect(limits).toMatchObject({ required: false, schema: { default: 100, minimum: 1, maximum: 1000 } });
    }),
  );

  it(
    'HEAD is GET without the body',
    both(async ({ call }) => {
      for (const path of ['/', '/health', '/ready', '/items', '/items/9000000000000000000', '/docs', '/nowhere']) {
        const [get, head] = [await call('GET', path), await call('HEAD', path)];
        expect([path, head.status, head.text]).toEqual([path, get.status, '']);
        expect(head.header('content-type')).toBe(get.header('content-type'));
      }
    }),
  );

  it('another method is 405 with Allow', async () => {
    const { api, reads } = contract();
    const cases: [Subject, string, string, string][] = [
      [reads, 'POST', '/items', 'GET, HEAD'],
      [reads, 'PUT', '/items/1', 'GET, HEAD'],
      [reads, 'PATCH', '/items/1', 'GET, HEAD'],
      [reads, 'DELETE', '/items/1', 'GET, HEAD'],
      [reads, 'OPTIONS', '/items', 'GET, HEAD'],
      [api, 'DELETE', '/items', 'GET, HEAD, POST'],
      [api, 'POST', '/items/1', 'DELETE, GET, HEAD, PATCH, PUT'],
      [api, 'GET', '/items/batch', 'POST'],
      [api, 'PUT', '/items/batch', 'POST'],
      [api, 'PROPFIND', '/items/batch', 'POST'],
      [api, 'POST', '/health', 'GET, HEAD'],
      [api, 'PUT', '/metrics', 'GET, HEAD'],
      [api, 'PROPFIND', '/', 'GET, HEAD'],
    ];
    for (const [{ call }, method, path, allow] of cases) {
      const reply = await call(method, path, method === 'POST' ? { body: {} } : {});
      expect([method, path, reply.status, reply.header('allow')]).toEqual([method, path, 405, allow]);
    }
  });

  it(
    'an address that nothing is at is 404, whatever the method',
    both(async ({ call }) => {
      for (const [method, path] of [
        ['GET', '/nowhere'],
        ['GET', '/items/'],
        ['GET', '/problems/'],
        ['GET', '/problems/toString'],
        ['POST', '/item'],
        ['GET', '/openapiXjson'],
        ['DELETE', '/items/1/2'],
      ] as const) {
        expect([path, (await call(method, path)).status]).toEqual([path, 404]);
      }
    }),
  );

  it(
    'every answer has the headers that browsers and clients go by',
    both(async ({ call }) => {
      for (const path of ['/', '/health', '/items', '/nowhere', '/items/x', '/docs', '/openapi.json', '/%zz']) {
        const reply = await call('GET', path);
        expect(reply.header('x-content-type-options'), path).toBe('nosniff');
        expect(reply.header('ratelimit'), path).toMatch(/^"default";r=\d+;t=\d+$/);
        expect(reply.header('ratelimit-policy'), path).toBe('"default";q=100000;w=1');
        expect(reply.header('access-control-allow-origin'), path).toBeNull();
        expect(reply.header('x-powered-by'), path).toBeNull();
        expect(reply.header('server'), path).toBeNull();
      }
    }),
  );
}
