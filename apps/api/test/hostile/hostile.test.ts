import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, startDatabase } from '../contract/fixture/database.ts';
import { type Conformance, createConformance, type OpenApi } from '../contract/fixture/document.ts';
import { type RunningService, startService } from '../contract/fixture/service.ts';
import { type ExchangeOptions, runExchange } from './broken-connection.ts';
import { unfinishedExchanges, wholeExchanges } from './exchanges.ts';
import { createModel } from './model.ts';
import { requestPlans } from './operations.ts';
import { createWorker } from './worker.ts';

/** HOSTILE_REQUESTS says how many, HOSTILE_SEED which. */
const total = Number(process.env['HOSTILE_REQUESTS'] ?? 20_000);
const seed = Number(process.env['HOSTILE_SEED'] ?? Date.now() % 2 ** 31);

const rounds = 10;
const workersPerService = 8;
/** Connections of their own cost more than requests on an open one; those that stall cost the request timeout. */
const wholeShare = 0.15;
const unfinished = { total: Math.ceil(total / 200), atATime: 25 };
const requestTimeoutMs = 500;
/** Node looks for late requests once a second (service.ts, connectionsCheckingInterval). */
const patienceMs = requestTimeoutMs + 5_000;
/** Twenty thousand requests on two cores that do something else as well. */
const timeoutMs = 900_000;

describe(`hostile input, HOSTILE_SEED=${seed} HOSTILE_REQUESTS=${total}`, { timeout: timeoutMs }, () => {
  let database: Database;
  let client: pg.Client;
  let services: { service: RunningService; conformance: Conformance }[];
  const model = createModel();
  const statuses = new Map<number, number>();
  const count = (status: number) => void statuses.set(status, (statuses.get(status) ?? 0) + 1);

  beforeAll(async () => {
    database = await startDatabase();
    client = await database.connect();
    // small ids belong to nobody: 1, 01 and %31 name no item that a worker counts on
    await client.query('alter sequence items_id_seq restart with 1000000');
    services = await Promise.all(
      (['api', 'read-api'] as const).map(async (name) => {
        const settings = {
          ...database.settings(name),
          REQUEST_TIMEOUT_MS: String(requestTimeoutMs),
          ...(name === 'read-api' ? { READ_WAIT_MS: '50' } : {}),
        };
        const service = await startService(name, { settings, onStart: database.pair.guardProcess });
        const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as OpenApi;
        return { service, conformance: createConformance(document) };
      }),
    );
  });

  afterAll(async () => {
    await Promise.all((services ?? []).map(({ service }) => service.stop()));
    await client?.end();
    await database?.stop();
  });

  /** Runs a property in parallel parts, each with a seed of its own, and waits for all before it fails. */
  async function runParts(parts: ((part: number) => Promise<void>)[]): Promise<void> {
    const results = await Promise.allSettled(parts.map((run, part) => run(part)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async function expectUnharmed(): Promise<void> {
    for (const { service } of services) {
      for (const path of ['/health', '/ready']) {
        const response = await fetch(`${service.url}${path}`);
        expect([service.name, path, response.status, await response.text()]).toMatchObject({ 2: 200 });
      }
    }
    expect(await model.differences(client)).toEqual([]);
  }

  it('is refused as documented and changes nothing; what is accepted is stored as sent', async () => {
    const plansOf = new Map(services.map(({ service, conformance }) => [service, requestPlans(conformance.document)]));
    const workers = services.flatMap(({ service, conformance }) =>
      Array.from({ length: workersPerService }, () => ({
        plans: plansOf.get(service) ?? expect.fail('no plans'),
        worker: createWorker({ service, conformance, model, count }),
      })),
    );
    const numRuns = Math.ceil((total * (1 - wholeShare)) / rounds / workers.length);
    for (let round = 0; round < rounds; round += 1) {
      await runParts(
        workers.map(({ plans, worker }) => async (part) => {
          const property = fc.asyncProperty(plans, (plan) => worker.run(plan));
          await fc.assert(property, { seed: seed + round * workers.length + part, numRuns });
        }),
      );
      await expectUnharmed();
    }
    for (const { worker } of workers) worker.close();
  });

  it('is answered or cut off when it is hardly HTTP', async () => {
    const options = services.map((each): ExchangeOptions => ({ ...each, model, count, patienceMs }));
    const parts = options.flatMap((each) => Array.from({ length: workersPerService }, () => each));
    const numRuns = Math.ceil((total * wholeShare) / parts.length);
    await runParts(
      parts.map((each) => async (part) => {
        const property = fc.asyncProperty(wholeExchanges(), (exchange) => runExchange(exchange, each));
        await fc.assert(property, { seed: seed + part, numRuns });
      }),
    );
    await expectUnharmed();
  });

  it('does not hold a connection for ever when it stops half way', async () => {
    const exchanges = fc.sample(unfinishedExchanges(), { seed, numRuns: unfinished.total });
    const options = services.map((each): ExchangeOptions => ({ ...each, model, count, patienceMs }));
    for (let from = 0; from < exchanges.length; from += unfinished.atATime) {
      await runParts(
        exchanges.slice(from, from + unfinished.atATime).map((exchange, at) => async () => {
          const each = options[at % options.length];
          if (each) await runExchange(exchange, each);
        }),
      );
    }
    await expectUnharmed();
  });

  it('has met every kind of answer', () => {
    const missing = [200, 201, 204, 304, 400, 404, 405, 408, 412, 413, 415, 417, 422, 431, 503].filter(
      (status) => !statuses.has(status),
    );
    console.log(Object.fromEntries([...statuses].sort(([a], [b]) => a - b)));
    expect(missing).toEqual([]);
  });

  it('leaves no error in the log, no request in flight, and only templates among the routes', async () => {
    for (const { service, conformance } of services) {
      expect(service.log().filter(({ level }) => level >= 50)).toEqual([]);
      const readMetrics = async () => (await fetch(`${service.url}/metrics`)).text();
      const inFlight = async () => Number(/^http_requests_in_flight (\d+)$/m.exec(await readMetrics())?.[1]);
      // the request that asks is the one; what broke off within a body is given up after the request timeout
      await expect.poll(inFlight, { timeout: patienceMs }).toBe(1);
      const metrics = await readMetrics();
      const routes = new Set(
        [...metrics.matchAll(/http_request_duration_seconds_count\{.*?route="([^"]*)"/g)].map(([, route]) => route),
      );
      const templates = Object.keys(conformance.document.paths).map((path) => path.replaceAll(/\{(\w+)\}/g, ':$1'));
      const known = new Set([
        ...templates,
        'unmatched',
        '/openapi.json',
        '/docs',
        '/docs/',
        '/docs/*',
        '/docs/static/*',
      ]);
      expect([...routes].filter((route) => !known.has(route ?? ''))).toEqual([]);
    }
  });
});
