import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Answer, createHttpClient } from './http-client.ts';
import { keepLedger, readMembers } from './ledger.ts';
import { duringCommits } from './replication.ts';
import { type Stack, startStack } from './services.ts';

const writeDeadlineMs = 3_000;
const queueLimit = 20;
/** What does not wait for the deadline is answered long before it, also on a machine that is busy with other things. */
const atOnceMs = writeDeadlineMs / 2;

let stack: Stack;
let itemId: string;
beforeAll(async () => {
  stack = await startStack({
    pair: { automaticFailover: false },
    environment: { WRITE_DEADLINE_MS: String(writeDeadlineMs), WRITE_QUEUE_LIMIT: String(queueLimit) },
  });
  await keepLedger(stack);
  const { answer } = await send('POST', '/items', { name: 'before', price: 1 });
  itemId = String((JSON.parse(answer.body) as { id: number }).id);
});
afterAll(async () => {
  await stack?.stop();
});

interface Timed {
  answer: Answer;
  tookMs: number;
}

async function send(method: string, path: string, body?: unknown, headers = {}): Promise<Timed> {
  const client = createHttpClient(60_000);
  const began = performance.now();
  const answer = await client.send(method, `${stack.writeUrl}${path}`, { body, headers });
  client.close();
  return { answer, tookMs: performance.now() - began };
}

const typeOf = ({ answer }: Timed) => (JSON.parse(answer.body) as { type: string }).type;
const isReady = (url: string) => fetch(`${url}/ready`).then((answer) => answer.ok);

/** One of each kind of write, with and without a key, over and over; every one writes a value of its own. */
function writes(count: number, prefix: string): Promise<Timed>[] {
  return Array.from({ length: count }, (_, index) => {
    const body = { name: `${prefix}-${index}`, price: 1 };
    const headers = index % 2 === 0 ? {} : { 'idempotency-key': `${prefix}-key-${index}` };
    if (index % 4 < 2) return send('POST', '/items', body, headers);
    return send(index % 8 < 4 ? 'PUT' : 'PATCH', `/items/${itemId}`, body, headers);
  });
}

describe('with the primary gone and nobody promoted', () => {
  beforeAll(async () => {
    stack.pair.killPrimary();
    await vi.waitUntil(async () => !(await isReady(stack.writeUrl)), { timeout: 10_000 });
    // one write finds out, so that the next ones are held from their start
    expect(typeOf(await send('POST', '/items', { name: 'first', price: 1 }))).toBe('/problems/unavailable');
  });

  it('a write is answered 503 with Retry-After at its deadline', async () => {
    const held = await Promise.all(writes(queueLimit, 'held'));
    expect(held.map((each) => [each.answer.status, typeOf(each), each.answer.headers['retry-after']])).toEqual(
      held.map(() => [503, '/problems/unavailable', '1']),
    );
    for (const { tookMs } of held) {
      expect(tookMs).toBeGreaterThan(writeDeadlineMs - 300);
      expect(tookMs).toBeLessThan(writeDeadlineMs + atOnceMs);
    }
  });

  it('a write past the queue limit is answered 503 at once', async () => {
    const all = await Promise.all(writes(3 * queueLimit, 'crowd'));
    const refused = all.filter((each) => typeOf(each) === '/problems/busy');
    expect(refused).toHaveLength(2 * queueLimit);
    for (const { answer, tookMs } of refused) {
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
      expect(tookMs).toBeLessThan(atOnceMs);
    }
    const others = all.filter((each) => !refused.includes(each));
    expect(others.map(typeOf)).toEqual(others.map(() => '/problems/unavailable'));
  });

  it('a write that comes late in a long absence has its whole deadline, also behind writes that are given up', async () => {
    const early = writes(4, 'early');
    // what is late is a matter of time alone
    await delay(writeDeadlineMs / 2);
    const late = await Promise.all(writes(4, 'late'));
    await Promise.all(early);
    for (const { tookMs } of late) expect(tookMs).toBeGreaterThan(writeDeadlineMs - 300);
  });

  it('the read service goes on from the replica', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => fetch(`${stack.readUrl}/items/${itemId}`).then((answer) => answer.status)),
    );
    expect(answers).toEqual(answers.map(() => 200));
  });

  it('nothing that was refused is applied when the primary comes back', async () => {
    await stack.pair.startStopped();
    await vi.waitUntil(() => isReady(stack.writeUrl), { timeout: 10_000 });
    const { answer } = await send('POST', '/items', { name: 'after', price: 1 });
    expect(answer.status).toBe(201);
    for (const { ledger } of await readMembers(stack, '')) {
      expect(ledger.map(({ value }) => value)).toEqual(['before', 'after']);
    }
  });
});

describe('with the primary killed in the middle of commits and nobody promoted', () => {
  const count = 6;

  it('a write that may have been applied is answered 504, and its key tells later', async () => {
    const items = await Promise.all(
      Array.from({ length: count }, () => send('POST', '/items', { name: 'to be changed', price: 1 })),
    );
    const paths = items.map(({ answer }) => String(answer.headers.location));
    const change = (path: string, index: number) =>
      send('PATCH', path, { name: `changed ${index}` }, { 'idempotency-key': `change-${index}` });
    let changes: Promise<Timed>[] = [];
    await duringCommits(stack, {
      atLeast: count,
      begin: () => {
        changes = paths.map(change);
      },
      fault: () => stack.pair.killPrimary(),
    });
    const answers = await Promise.all(changes);
    expect(answers.map((each) => [each.answer.status, typeOf(each)])).toEqual(
      answers.map(() => [504, '/problems/outcome-unknown']),
    );

    await stack.pair.startStopped();
    await vi.waitUntil(() => isReady(stack.writeUrl), { timeout: 10_000 });
    const told = await Promise.all(paths.map(change));
    expect(told.map(({ answer }) => [answer.status, JSON.parse(answer.body).name])).toEqual(
      told.map((_, index) => [200, `changed ${index}`]),
    );
    for (const { ledger } of await readMembers(stack, 'changed')) expect(ledger).toHaveLength(count);
  });
});
