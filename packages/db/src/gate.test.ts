import { describe, expect, it } from 'vitest';
import { createGate, DeadlineError, QueueFullError } from './gate.ts';
import { NoConnectionError } from './outcome.ts';
import type { DbPool, Session } from './pool.ts';

/** Nobody answers `query`: the gate only wants to know whether it does. */
const session: Session = { query: async () => [], timeline: 1 };

/** A server that a test takes away and brings back. */
function fakeServer() {
  let failure: Error | null = null;
  let probes = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  const pool: DbPool = {
    name: 'fake',
    async use(work) {
      probes += 1;
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      if (failure) throw failure;
      return work(session);
    },
    warm: async () => {},
    counts: () => ({ total: 0, idle: 0, waiting: 0 }),
    close: async () => {},
  };
  return {
    pool,
    fail: (error: Error | null) => {
      failure = error;
    },
    probes: () => probes,
    mostAtOnce: () => mostAtOnce,
  };
}

const gone = () => new NoConnectionError(new Error('connect ECONNREFUSED'));
const soon = () => Date.now() + 10_000;

function shutGate(queueLimit = 10) {
  const server = fakeServer();
  server.fail(gone());
  const gate = createGate(server.pool, queueLimit, 1);
  gate.shut();
  return { server, gate };
}

describe('createGate', () => {
  it('lets everybody pass while it is open, without asking the server', async () => {
    const server = fakeServer();
    const gate = createGate(server.pool, 1, 1);
    await Promise.all(Array.from({ length: 100 }, () => gate.pass(0)));
    expect(server.probes()).toBe(0);
  });

  it('holds everybody from when it is shut until the server answers', async () => {
    const { server, gate } = shutGate();
    let passed = 0;
    const held = Array.from({ length: 5 }, () => gate.pass(soon()).then(() => (passed += 1)));
    await expect.poll(server.probes).toBeGreaterThan(3);
    expect([passed, gate.waiting(), gate.isOpen()]).toEqual([0, 5, false]);
    server.fail(null);
    await Promise.all(held);
    expect([gate.waiting(), gate.isOpen()]).toEqual([0, true]);
  });

  it('has one prober, however many wait and however often it is shut', async () => {
    const { server, gate } = shutGate(1_000);
    const held = Array.from({ length: 200 }, () => {
      gate.shut();
      return gate.pass(soon());
    });
    await expect.poll(server.probes).toBeGreaterThan(5);
    server.fail(null);
    await Promise.all(held);
    expect(server.mostAtOnce()).toBe(1);
  });

  it('refuses whoever comes when as many wait as may', async () => {
    const { server, gate } = shutGate(3);
    const held = Array.from({ length: 3 }, () => gate.pass(soon()));
    await expect(gate.pass(soon())).rejects.toBeInstanceOf(QueueFullError);
    expect(gate.waiting()).toBe(3);
    server.fail(null);
    await Promise.all(held);
  });

  it('gives a waiter up at its deadline, and its place to another', async () => {
    const { server, gate } = shutGate(1);
    await expect(gate.pass(Date.now() + 20)).rejects.toBeInstanceOf(DeadlineError);
    const held = gate.pass(soon());
    server.fail(null);
    await held;
  });

  it('does not hold anybody whose deadline has passed', async () => {
    const { gate } = shutGate();
    await expect(gate.pass(Date.now() - 1)).rejects.toBeInstanceOf(DeadlineError);
    gate.close();
  });

  it('opens for a server that answers with a refusal: waiting would not help', async () => {
    const { server, gate } = shutGate();
    const held = gate.pass(soon());
    server.fail(Object.assign(new Error('permission denied'), { code: '42501', severity: 'ERROR' }));
    await held;
  });

  it('can be shut again', async () => {
    const { server, gate } = shutGate();
    server.fail(null);
    await gate.pass(soon());
    server.fail(gone());
    gate.shut();
    const held = gate.pass(soon());
    expect(gate.isOpen()).toBe(false);
    server.fail(null);
    await held;
  });

  it('gives every waiter up when it is closed, and stops probing', async () => {
    const { server, gate } = shutGate();
    const held = Promise.allSettled([gate.pass(soon()), gate.pass(soon())]);
    gate.close();
    expect((await held).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const probes = server.probes();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(server.probes()).toBeLessThanOrEqual(probes + 1);
  });
});

describe('admit', () => {
  it('counts what is in progress only where somebody would have to wait', async () => {
    const server = fakeServer();
    const gate = createGate(server.pool, 1, 1);
    const never = new Promise<void>(() => {});
    void gate.admit(() => never);
    expect(await gate.admit(async () => 'open')).toBe('open');
    server.fail(gone());
    gate.shut();
    await expect(gate.admit(async () => 'shut')).rejects.toBeInstanceOf(QueueFullError);
    server.fail(null);
    await gate.pass(soon());
    expect(await gate.admit(async () => 'open again')).toBe('open again');
  });

  it('gives the place back after an answer and after an error', async () => {
    const { gate } = shutGate(1);
    expect(await gate.admit(async () => 1)).toBe(1);
    await expect(gate.admit(async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await gate.admit(async () => 2)).toBe(2);
    gate.close();
  });
});
