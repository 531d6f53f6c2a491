import { Agent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { type HttpsEndpoint, requestHttps } from '../clients/https.ts';
import { countOutcomes, type History, type Outcome, type OutcomeCounts, type Read, type Write } from './history.ts';

/** Where the clients send. */
export interface WorkloadTargets {
  write: HttpsEndpoint;
  read: HttpsEndpoint;
  apiKey: string;
}

export interface WorkloadOptions {
  /** Begins every key of this run; no other run may use it. */
  run: string;
  writers: number;
  readers: number;
  /** Each client sends once in this time, or as soon as its answer came if that took longer. */
  everyMs: number;
}

export interface Workload {
  /** How many writes were acknowledged so far. */
  acknowledged(): number;
  /** Everything that came back so far. */
  counts(): OutcomeCounts;
  /** Lets every client finish its request and hands over what happened. */
  stop(): Promise<History>;
}

/** Above the write service's own deadline of 45 s: the service decides what became of a write, not this client's patience. */
const writeTimeoutMs = 60_000;
const readTimeoutMs = 10_000;

/** Clients that write through one service and read through the other until they are stopped, and remember everything. */
export function startWorkload(targets: WorkloadTargets, options: WorkloadOptions): Workload {
  const writes: Write[] = [];
  const reads: Read[] = [];
  const agent = new Agent({ keepAlive: true });
  let isOver = false;
  const client = async (once: () => Promise<void>) => {
    while (!isOver) {
      const startedAtMs = nowMs();
      await once();
      await delay(Math.max(0, startedAtMs + options.everyMs - nowMs()));
    }
  };
  const clients = [
    ...Array.from({ length: options.writers }, (_, index) => {
      let count = 0;
      return client(async () => {
        count += 1;
        writes.push(await sendWrite(targets, agent, `${options.run}-${index}-${count}`, index));
      });
    }),
    ...Array.from({ length: options.readers }, () =>
      client(async () => {
        reads.push(await sendRead(targets, agent));
      }),
    ),
  ];
  return {
    acknowledged: () => writes.filter(({ outcome }) => outcome === 'ok').length,
    counts: () => countOutcomes({ writes, reads }),
    stop: async () => {
      isOver = true;
      await Promise.all(clients);
      agent.destroy();
      return { writes, reads };
    },
  };
}

async function sendWrite(
  { write, apiKey }: WorkloadTargets,
  agent: Agent,
  key: string,
  client: number,
): Promise<Write> {
  const invokedAtMs = nowMs();
  const { outcome, detail } = await requestHttps(write, {
    method: 'POST',
    path: '/items',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ name: key, price: 1 }),
    timeoutMs: writeTimeoutMs,
    agent,
  }).then(
    ({ status, body }) => ({ outcome: outcomeOfStatus(status), detail: status === 201 ? '201' : `${status} ${body}` }),
    (error: NodeJS.ErrnoException) => ({
      outcome: outcomeOfError(error),
      detail: `${error.code ?? ''} ${error.message}`,
    }),
  );
  return { key, client, invokedAtMs, completedAtMs: nowMs(), outcome, detail };
}

async function sendRead({ read }: WorkloadTargets, agent: Agent): Promise<Read> {
  const invokedAtMs = nowMs();
  const asked = { method: 'GET', path: '/items?limit=1', timeoutMs: readTimeoutMs, agent } as const;
  const { outcome, detail } = await requestHttps(read, asked).then(
    ({ status, body }) => ({
      outcome: status === 200 ? ('ok' as const) : ('fail' as const),
      detail: `${status} ${body}`,
    }),
    (error: NodeJS.ErrnoException) => ({ outcome: 'fail' as const, detail: `${error.code ?? ''} ${error.message}` }),
  );
  return { invokedAtMs, completedAtMs: nowMs(), outcome, detail: outcome === 'ok' ? '200' : detail };
}

/** 201 is the only promise; 4xx and 503 say that nothing was applied; every other 5xx leaves it open. */
function outcomeOfStatus(status: number): Outcome {
  if (status === 201) return 'ok';
  return (status >= 400 && status < 500) || status === 503 ? 'fail' : 'unknown';
}

/** A connection that never was carried nothing; any other end may have come after the commit. */
const outcomeOfError = ({ code }: NodeJS.ErrnoException): Outcome => (code === 'ECONNREFUSED' ? 'fail' : 'unknown');

/** Never set back, so that a history's times can be compared. */
const nowMs = () => performance.timeOrigin + performance.now();
