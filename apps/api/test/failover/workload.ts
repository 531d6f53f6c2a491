import { setTimeout as delay } from 'node:timers/promises';
import { isWrite, type Operation } from './history.ts';
import { type Answer, createHttpClient, type HttpClient } from './http-client.ts';

export interface WorkloadOptions {
  writeUrl: string;
  readUrl: string;
  clients: number;
  /** What every value begins with; one run's own. */
  prefix: string;
  /** The mean pause of a client between an answer and its next request. */
  thinkMs: number;
}

export interface Workload {
  /** Resolves when `count` writes that were sent after the call have been acknowledged; throws after `deadlineMs`. */
  acknowledges(count: number, deadlineMs: number): Promise<void>;
  /** Lets every client finish its request; answers what all of them did. */
  stop(): Promise<Operation[]>;
}

/** Rows that every client writes to; few, so that they are contended, and none is ever deleted. */
const sharedItems = 16;
/** Longer than the write deadline, so that it is the service that gives up first. */
const answerTimeoutMs = 60_000;

/** Clients that write to rows of their own and to shared ones, and read both, one request at a time each. */
export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const history: Operation[] = [];
  let stopping = false;
  const founder = createClient({ ...options, client: 0, history, shared: [] });
  const shared = await founder.create(sharedItems);
  const clients = Array.from({ length: options.clients }, (_, index) =>
    createClient({ ...options, client: index + 1, history, shared }),
  );
  const running = clients.map(async (client) => {
    while (!stopping) {
      await delay(Math.random() * 2 * options.thinkMs);
      await client.step();
    }
    client.close();
  });
  founder.close();

  return {
    async acknowledges(count, deadlineMs) {
      const since = performance.now();
      const deadline = since + deadlineMs;
      const seen = () =>
        history.filter((each) => isWrite(each) && each.outcome === 'ok' && each.invokedAt > since).length;
      while (seen() < count) {
        if (performance.now() > deadline) {
          throw new Error(`${seen()} writes were acknowledged within ${deadlineMs} ms, ${count} were expected`);
        }
        await delay(50);
      }
    },
    async stop() {
      stopping = true;
      await Promise.all(running);
      return history;
    },
  };
}

interface OwnItem {
  id: string;
  etag: string;
}

interface KeyedRequest {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  headers: Record<string, string>;
  body: unknown;
  answer: Answer;
}

interface ClientOptions extends WorkloadOptions {
  client: number;
  history: Operation[];
  shared: string[];
}

function createClient({ writeUrl, readUrl, prefix, client, history, shared }: ClientOptions) {
  const toWrites: HttpClient = createHttpClient(answerTimeoutMs);
  const toReads: HttpClient = createHttpClient(answerTimeoutMs);
  const own: OwnItem[] = [];
  let deleted: string | null = null;
  let lastLsn: string | null = null;
  let lastKeyed: KeyedRequest | null = null;
  let values = 0;

  const nextValue = () => `${prefix}-${client}-${++values}`;

  /** Sends a write, half of them with a key of its own, and records what it was told. */
  async function write(
    what: Pick<Operation, 'item' | 'value'> & { kind: 'create' | 'update' | 'delete'; method: KeyedRequest['method'] },
    { path, headers = {}, body }: { path: string; headers?: Record<string, string>; body?: unknown },
  ): Promise<Answer | null> {
    const key = Math.random() < 0.5 ? { 'idempotency-key': `${prefix}-${client}-key-${history.length}` } : {};
    const sent = { ...headers, ...key };
    const operation: Operation = { client, ...what, ...begun(), sees: null };
    const answer = await record(operation, () =>
      toWrites.send(what.method, `${writeUrl}${path}`, { headers: sent, body }),
    );
    if (answer === null || operation.outcome !== 'ok') return null;
    lastLsn = String(answer.headers['commit-lsn']);
    if ('idempotency-key' in key) lastKeyed = { method: what.method, path, headers: sent, body, answer };
    const item = answer.body === '' ? null : (JSON.parse(answer.body) as { id: number; name: string });
    operation.item ??= String(item?.id);
    operation.answerFits =
      answer.headers['commit-lsn'] !== undefined &&
      answer.headers['idempotency-replayed'] === undefined &&
      (what.kind === 'delete' ? item === null : item?.name === what.value && String(item?.id) === operation.item);
    return answer;
  }

  async function create(): Promise<string | null> {
    const value = nextValue();
    const body = { name: value, price: Math.round(Math.random() * 10_000) / 100 };
    const answer = await write({ kind: 'create', method: 'POST', item: null, value }, { path: '/items', body });
    if (answer === null) return null;
    const id = String((JSON.parse(answer.body) as { id: number }).id);
    own.push({ id, etag: String(answer.headers.etag) });
    return id;
  }

  async function update(item: { id: string; etag: string | null }, method: 'PUT' | 'PATCH'): Promise<void> {
    const value = nextValue();
    const body = method === 'PUT' ? { name: value, price: 1.5, is_active: true } : { name: value };
    const condition = item.etag !== null && Math.random() < 0.5 ? { 'if-match': item.etag } : {};
    const answer = await write(
      { kind: 'update', method, item: item.id, value },
      { path: `/items/${item.id}`, headers: condition, body },
    );
    if (answer !== null) item.etag = String(answer.headers.etag);
  }

  async function remove(): Promise<void> {
    const [item] = own.splice(0, 1);
    if (!item) return;
    const what = { kind: 'delete', method: 'DELETE', item: item.id, value: null } as const;
    await write(what, { path: `/items/${item.id}`, headers: { 'if-match': item.etag } });
    deleted = item.id;
  }

  async function read(id: string, from: 'primary' | 'replica'): Promise<void> {
    const operation: Operation = {
      client,
      kind: 'read',
      method: 'GET',
      item: id,
      value: null,
      ...begun(),
      sees: from === 'primary' ? 'everybody' : 'itself',
    };
    const headers = from === 'replica' && lastLsn !== null ? { 'min-lsn': lastLsn } : {};
    const [http, url] = from === 'primary' ? [toWrites, writeUrl] : [toReads, readUrl];
    const answer = await record(operation, () => http.send('GET', `${url}/items/${id}`, { headers }));
    if (answer?.status === 404) operation.outcome = 'ok';
    if (answer?.status === 200) operation.value = (JSON.parse(answer.body) as { name: string }).name;
  }

  async function list(): Promise<void> {
    const operation: Operation = {
      client,
      kind: 'read',
      method: 'GET',
      item: null,
      value: null,
      ...begun(),
      sees: 'itself',
    };
    await record(operation, () => toReads.send('GET', `${readUrl}/items?limit=10`));
  }

  /** The last keyed request once more: the first answer, and no second effect. */
  async function replay({ method, path, headers, body, answer: first }: KeyedRequest): Promise<void> {
    const operation: Operation = { client, kind: 'replay', method, item: null, value: null, ...begun(), sees: null };
    const answer = await record(operation, () => toWrites.send(method, `${writeUrl}${path}`, { headers, body }));
    operation.answerFits =
      answer !== null &&
      answer.headers['idempotency-replayed'] === 'true' &&
      answer.status === first.status &&
      answer.body === first.body &&
      answer.headers.etag === first.headers.etag &&
      answer.headers.location === first.headers.location;
  }

  async function record(operation: Operation, send: () => Promise<Answer>): Promise<Answer | null> {
    history.push(operation);
    try {
      const answer = await send();
      operation.told = answer.status < 400 ? String(answer.status) : `${answer.status} ${problemType(answer)}`;
      operation.outcome = outcomeOf(answer.status);
      return answer;
    } catch (error) {
      operation.told = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
      return null;
    } finally {
      operation.endedAt = performance.now();
    }
  }

  return {
    create: async (count: number) =>
      (await Promise.all(Array.from({ length: count }, create))).filter((id) => id !== null),

    async step(): Promise<void> {
      const chance = Math.random();
      const mine = own[Math.floor(Math.random() * own.length)];
      const common = shared[Math.floor(Math.random() * shared.length)] ?? '';
      if (chance < 0.25 || !mine) await create();
      else if (chance < 0.35) await update(mine, 'PUT');
      else if (chance < 0.45) await update(mine, 'PATCH');
      else if (chance < 0.5) await update({ id: common, etag: null }, Math.random() < 0.5 ? 'PUT' : 'PATCH');
      else if (chance < 0.6) await remove();
      else if (chance < 0.65 && lastKeyed) await replay(lastKeyed);
      else if (chance < 0.75) await read(Math.random() < 0.5 ? mine.id : common, 'primary');
      else if (chance < 0.8 && deleted !== null) await read(deleted, Math.random() < 0.5 ? 'primary' : 'replica');
      else if (chance < 0.85) await list();
      else await read(Math.random() < 0.7 ? mine.id : common, 'replica');
    },

    close() {
      toWrites.close();
      toReads.close();
    },
  };
}

/** An operation that has not been answered: unknown, until it is. */
function begun() {
  return {
    invokedAt: performance.now(),
    endedAt: Number.POSITIVE_INFINITY,
    outcome: 'unknown' as const,
    told: 'nothing',
    answerFits: true,
  };
}

/** api.md: 504 says that the outcome is unknown, and so does any 5xx that does not promise otherwise. */
function outcomeOf(status: number): Operation['outcome'] {
  if (status < 400) return 'ok';
  return status < 500 || status === 503 ? 'fail' : 'unknown';
}

function problemType({ body }: Answer): string {
  try {
    return String((JSON.parse(body) as { type?: string }).type);
  } catch {
    return body.slice(0, 100);
  }
}
