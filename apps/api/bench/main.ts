import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { createPool, defaultPoolLimits, migrate, silentObserver } from '@pgha/db';
import { type Pair, startPair } from '@pgha/db/embedded';
import { chooseGenerator, type Load, type LoadResult } from './load.ts';
import { type BenchOptions, readOptions, UsageError } from './options.ts';
import { startPeers } from './peers.ts';
import { type PeersRoot, providePeersRoot } from './peers-root.ts';
import { type Running, runScript, startService } from './processes.ts';
import { median, type Row, renderTable } from './table.ts';

try {
  const options = readOptions(process.argv.slice(2));
  if (options) await main(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`pnpm bench: ${error.message}\n`);
  process.exitCode = 2;
}

/** What is measured: a line of the table per load, and the statement whose limit it is compared with. */
interface Line {
  name: string;
  service: Running;
  request: Load['request'];
  limit: 'item' | 'page' | 'create';
}

async function main(options: BenchOptions): Promise<void> {
  const root = options.peers ? await providePeersRoot(progress) : null;
  const directory = await mkdtemp(join(tmpdir(), 'pgha-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const pair = await startPair({ dir: directory, log: progress });
    stops.unshift(() => pair.stop());
    await migrate({ host: pair.host, port: pair.primaryPort, database: pair.database, ...pair.logins.owner });
    progress(`loading ${options.rows} rows`);
    await loadRows(pair, options.rows);
    await measure(pair, options, root, (running) => {
      stops.unshift(() => running.stop());
      return running;
    });
  } finally {
    for (const stop of stops) await stop();
  }
}

async function measure(
  pair: Pair,
  options: BenchOptions,
  root: PeersRoot | null,
  keep: (running: Running) => Running,
): Promise<void> {
  const generator = await chooseGenerator();
  const primary = serviceEnv(pair, 'app', pair.primaryPort);
  const replica = serviceEnv(pair, 'readonly', pair.replicaPort);
  const api = keep(await startService('../src/main.ts', primary));
  const readApi = keep(await startService('../../read-api/src/main.ts', replica));
  const silent = keep(await startService('../src/main.ts', { ...primary, LOG_LEVEL: 'silent' }));
  const bare = keep(await startService('./without-promises.ts', { ...primary, LOG_LEVEL: 'silent' }));
  const single = keep(
    await startService('./without-promises.ts', { ...primary, LOG_LEVEL: 'silent', INSERT: 'single' }),
  );

  const item = { kind: 'random-item', rows: options.rows } as const;
  const page = { kind: 'page' } as const;
  const create = { kind: 'create', idempotencyKeys: false } as const;
  const lines: Line[] = [
    { name: 'GET /items/{id}', service: readApi, request: item, limit: 'item' },
    { name: 'POST /items', service: api, request: create, limit: 'create' },
    { name: 'GET /items?limit=50', service: readApi, request: page, limit: 'page' },
  ];
  const costs: Line[] = [
    { name: 'GET /items/{id}, all guarantees (write API)', service: api, request: item, limit: 'item' },
    { name: '  without the request log', service: silent, request: item, limit: 'item' },
    { name: '  the query only', service: bare, request: item, limit: 'item' },
    {
      name: 'POST /items with Idempotency-Key',
      service: api,
      request: { ...create, idempotencyKeys: true },
      limit: 'create',
    },
    { name: 'POST /items, all guarantees', service: api, request: create, limit: 'create' },
    { name: '  without the request log', service: silent, request: create, limit: 'create' },
    { name: '  the insert and its proof only', service: bare, request: create, limit: 'create' },
    { name: '  the insert only, one commit each', service: single, request: create, limit: 'create' },
  ];
  const peers = root && (await startPeers(pair, root));
  const peerLines = (peers?.services ?? []).flatMap((peer): Line[] => {
    keep(peer);
    return lines.map((line) => ({ ...line, name: `${line.name}, ${peer.name}`, service: peer }));
  });

  // pages last among the reads of one table size: creating rows does not change the first page
  const rows = await measureLines([...lines, ...peerLines], pair, options, generator.generate);
  const costRows = await measureLines(costs, pair, options, generator.generate);
  const about = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, shared by the load (${generator.name}), both services and PostgreSQL; ${options.rows} rows, ${options.connections} connections, ${options.runs} ${options.runs === 1 ? 'run' : 'runs'} of ${options.seconds} s${peers === null ? '' : `; ${peers.about}`}`;
  if (options.json) console.log(JSON.stringify({ about, lines: rows, costs: costRows }, null, 2));
  else console.log(`\n${about}\n\n${renderTable(rows)}\n\nCost of the guarantees\n\n${renderTable(costRows)}`);
  if ([...rows, ...costRows].some((row) => row.errors > 0)) process.exitCode = 1;
}

async function measureLines(
  lines: Line[],
  pair: Pair,
  { runs, seconds, connections }: BenchOptions,
  generate: (load: Load, connections: number, seconds: number) => Promise<LoadResult>,
): Promise<Row[]> {
  const results = new Map(lines.map((line) => [line, [] as LoadResult[]]));
  const limits = new Map<Line['limit'], number[]>();
  // round after round, so that a change of the machine's speed falls on every line alike
  for (let round = 1; round <= runs; round += 1) {
    for (const limit of new Set(lines.map((line) => line.limit))) {
      limits.set(limit, [...(limits.get(limit) ?? []), await databaseLimit(pair, limit, seconds)]);
    }
    for (const line of lines) {
      const result = await generate({ url: line.service.url, request: line.request }, connections, seconds);
      results.get(line)?.push(result);
      progress(`run ${round}/${runs}: ${line.name.trim()}: ${Math.round(result.requestsPerSecond)} requests/s`);
    }
  }
  return lines.map((line) => {
    const of = results.get(line) ?? [];
    const rates = of.map((each) => each.requestsPerSecond);
    return {
      name: line.name,
      requestsPerSecond: median(rates),
      lowest: Math.min(...rates),
      highest: Math.max(...rates),
      p50Ms: median(of.map((each) => each.p50Ms)),
      p99Ms: median(of.map((each) => each.p99Ms)),
      databaseLimit: median(limits.get(line.limit) ?? []),
      errors: of.reduce((sum, each) => sum + each.errors, 0),
    };
  });
}

async function databaseLimit(pair: Pair, limit: Line['limit'], seconds: number): Promise<number> {
  const [port, login] =
    limit === 'create' ? [pair.primaryPort, pair.logins.app] : [pair.replicaPort, pair.logins.readonly];
  const args = [limit, String(port), login.user, pair.database, String(seconds), '100'];
  return Number(await runScript('./database-limit.ts', args, { PGPASSWORD: login.password }));
}

function serviceEnv(pair: Pair, login: 'app' | 'readonly', port: number): Record<string, string> {
  return {
    DB_HOST: pair.host,
    DB_PORT: String(port),
    DB_NAME: pair.database,
    DB_USER: pair.logins[login].user,
    DB_PASSWORD: pair.logins[login].password,
    DB_SSLMODE: 'disable',
    PATRONI_URLS: pair.statusUrl,
  };
}

async function loadRows(pair: Pair, rows: number): Promise<void> {
  const pool = createPool(
    'load',
    { host: pair.host, port: pair.primaryPort, database: pair.database, ...pair.logins.app, tls: { mode: 'disable' } },
    { ...defaultPoolLimits, queryTimeoutMs: 120_000 },
    'primary',
    silentObserver,
  );
  await pool.use((session) =>
    session.query({
      name: 'load',
      text: `insert into items (name, description, price, created_at, updated_at)
             select 'item ' || n, 'of the benchmark', n % 1000, now(), now() from generate_series(1, $1::int) as n`,
      values: [rows],
    }),
  );
  await pool.close();
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
