import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import autocannon from 'autocannon';

/** One kind of request, repeated by every connection. */
export interface Load {
  url: string;
  request: { kind: 'random-item'; rows: number } | { kind: 'page' } | { kind: 'create'; idempotencyKeys: boolean };
}

export interface LoadResult {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers that were not 2xx, and connections that failed. */
  errors: number;
}

export type LoadGenerator = (load: Load, connections: number, seconds: number) => Promise<LoadResult>;

export const newItem = JSON.stringify({ name: 'Keyboard', description: 'Mechanical, 87 keys', price: 129.9 });
const run = promisify(execFile);

/** wrk where it is installed; autocannon otherwise. */
export async function chooseGenerator(): Promise<{ name: string; generate: LoadGenerator }> {
  const version = await run('wrk', ['-v']).catch((error: { stdout?: string; code?: unknown }) => error);
  return String(version.stdout ?? '').startsWith('wrk')
    ? { name: 'wrk', generate: withWrk }
    : { name: 'autocannon', generate: withAutocannon };
}

function luaScript({ request }: Load): string {
  switch (request.kind) {
    case 'random-item':
      return `function init() math.randomseed(os.time()) end
request = function() return wrk.format("GET", "/items/" .. math.random(1, ${request.rows})) end`;
    case 'page':
      return 'request = function() return wrk.format("GET", "/items?limit=50") end';
    case 'create':
      return `local run = os.time() .. "-" .. math.random(1, 1e9); local n = 0
wrk.headers["content-type"] = "application/json"
request = function()
  n = n + 1
  ${request.idempotencyKeys ? 'wrk.headers["idempotency-key"] = run .. "-" .. n' : ''}
  return wrk.format("POST", "/items", nil, ${JSON.stringify(newItem)})
end`;
  }
}

const withWrk: LoadGenerator = async (load, connections, seconds) => {
  const directory = await mkdtemp(join(tmpdir(), 'pgha-bench-'));
  try {
    const script = join(directory, 'requests.lua');
    await writeFile(script, luaScript(load));
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s', '-s', script, load.url];
    const { stdout } = await run('wrk', args);
    const figure = (pattern: RegExp) => pattern.exec(stdout)?.slice(1) ?? [];
    const [rate = ''] = figure(/Requests\/sec:\s+([\d.]+)/);
    const refused = Number(figure(/Non-2xx or 3xx responses: (\d+)/)[0] ?? 0);
    const broken = figure(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/);
    return {
      requestsPerSecond: Number(rate),
      p50Ms: milliseconds(figure(/50%\s+([\d.]+)(us|ms|s)/)),
      p99Ms: milliseconds(figure(/99%\s+([\d.]+)(us|ms|s)/)),
      errors: refused + broken.reduce((sum, count) => sum + Number(count), 0),
    };
  } finally {
    await rm(directory, { recursive: true });
  }
};

function milliseconds([value = '', unit = '']: string[]): number {
  const perUnit: Record<string, number> = { us: 0.001, ms: 1, s: 1000 };
  return Number(value) * (perUnit[unit] ?? Number.NaN);
}

const withAutocannon: LoadGenerator = async ({ url, request }, connections, seconds) => {
  const result = await autocannon({ url, connections, duration: seconds, ...autocannonRequest(request) });
  return {
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors: result.non2xx + result.errors,
  };
};

function autocannonRequest(request: Load['request']): Partial<autocannon.Options> {
  switch (request.kind) {
    case 'random-item': {
      const path = () => `/items/${1 + Math.floor(Math.random() * request.rows)}`;
      return { requests: [{ method: 'GET', setupRequest: (each) => ({ ...each, path: path() }) }] };
    }
    case 'page':
      return { requests: [{ method: 'GET', path: '/items?limit=50' }] };
    case 'create':
      return {
        idReplacement: request.idempotencyKeys,
        requests: [
          {
            method: 'POST',
            path: '/items',
            headers: {
              'content-type': 'application/json',
              ...(request.idempotencyKeys ? { 'idempotency-key': '[<id>]' } : {}),
            },
            body: newItem,
          },
        ],
      };
  }
}
