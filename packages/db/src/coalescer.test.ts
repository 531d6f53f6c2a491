import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCoalescer } from './coalescer.ts';

/** Lets everything that waits for this tick run. */
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Load {
  keys: number[];
  beganAt: number;
  end: (error?: Error) => Promise<void>;
}

/** A load that records what it was asked and ends when the test says so; the value is the key and the load it came from. */
function recordedLoads() {
  const loads: Load[] = [];
  let clock = 0;
  const load = (keys: number[]) =>
    new Promise<{ key: number; loadedBy: number }[]>((resolve, reject) => {
      const place = loads.length;
      loads.push({
        keys,
        beganAt: ++clock,
        end: async (error) => {
          if (error) reject(error);
          else resolve(keys.map((key) => ({ key, loadedBy: place })));
          // one for the coalescer to notice, one for the load it then begins
          await tick();
          await tick();
        },
      });
    });
  return { load, loads, now: () => ++clock };
}

describe('createCoalescer', () => {
  it('loads the keys of one tick at once, each once', async () => {
    const { load, loads } = recordedLoads();
    const { get } = createCoalescer({ load, maxKeys: 10, maxInFlight: 1 });
    const answers = Promise.all([get(1), get(2), get(1)]);
    await tick();
    expect(loads.map(({ keys }) => keys)).toEqual([[1, 2]]);
    await loads[0]?.end();
    expect((await answers).map(({ key }) => key)).toEqual([1, 2, 1]);
  });

  it('does not answer from a load that began before the question', async () => {
    const { load, loads } = recordedLoads();
    const { get } = createCoalescer({ load, maxKeys: 10, maxInFlight: 2 });
    const first = get(1);
    await tick();
    const second = get(1);
    await tick();
    await loads[1]?.end();
    await loads[0]?.end();
    expect([(await first).loadedBy, (await second).loadedBy]).toEqual([0, 1]);
  });

  it('compares keys by their identity', async () => {
    const { load, loads } = recordedLoads();
    const { get } = createCoalescer({ load, identity: (key) => key % 10, maxKeys: 10, maxInFlight: 1 });
    const answers = Promise.all([get(1), get(11), get(2)]);
    await tick();
    expect(loads.map(({ keys }) => keys)).toEqual([[1, 2]]);
    await loads[0]?.end();
    await answers;
  });

  it('gives every caller of a failed load its error, and loads again for the next', async () => {
    const { load, loads } = recordedLoads();
    const { get } = createCoalescer({ load, maxKeys: 10, maxInFlight: 1 });
    const failed = Promise.allSettled([get(1), get(2)]);
    await tick();
    await loads[0]?.end(new Error('gone'));
    expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = get(1);
    await tick();
    await loads[1]?.end();
    expect(await next).toEqual({ key: 1, loadedBy: 1 });
  });

  it('answers every question once, from a load of its own time, within its limits, whatever fails', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('get' as const), key: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ do: fc.constant('tick' as const) }),
      fc.record({ do: fc.constant('end' as const), which: fc.nat({ max: 9 }), fails: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, maxKeys, maxInFlight) => {
          const { load, loads, now } = recordedLoads();
          const { get, pending } = createCoalescer({ load, maxKeys, maxInFlight });
          const running = new Set<Load>();
          const known = new Set<Load>();
          const answers: Promise<unknown>[] = [];
          const look = () => {
            for (const each of loads) {
              if (known.has(each)) continue;
              known.add(each);
              running.add(each);
              expect(each.keys.length).toBeLessThanOrEqual(maxKeys);
              expect(new Set(each.keys).size).toBe(each.keys.length);
            }
            expect(running.size).toBeLessThanOrEqual(maxInFlight);
          };
          const end = async (each: Load | undefined, fails: boolean) => {
            if (!each) return;
            running.delete(each);
            await each.end(fails ? new Error('gone') : undefined);
            look();
          };
          for (const each of steps) {
            if (each.do === 'get') {
              const askedAt = now();
              answers.push(
                get(each.key).then(
                  ({ key, loadedBy }) => {
                    expect(key).toBe(each.key);
                    expect(loads[loadedBy]?.beganAt).toBeGreaterThan(askedAt);
                  },
                  (error: Error) => expect(error.message).toBe('gone'),
                ),
              );
            } else if (each.do === 'tick') {
              await tick();
              look();
            } else {
              await end([...running][each.which % Math.max(1, running.size)], each.fails);
            }
          }
          await tick();
          look();
          while (running.size > 0) await end([...running][0], false);
          await Promise.all(answers);
          expect(pending()).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
