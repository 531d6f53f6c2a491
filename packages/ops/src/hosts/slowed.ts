import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from './host.ts';

/** How much slower the lab's hosts are than this computer makes them. */
export interface Slowness {
  /** What every call takes besides its work: Run Command of Systems Manager answers after one to two seconds. */
  latencyMs: number;
  /** The share of attempts that are throttled, 0 to 1; each is repeated after twice the time, as the SDK does. */
  throttledShare: number;
}

const attempts = 5;

/**
 * A host with the latency and the throttling of a remote one, so that the lab shows what operations make of them.
 *
 * @param random from 0 to 1, one value per attempt.
 */
export function slowed(host: Host, slowness: Slowness, random: () => number = Math.random): Host {
  const wait = () => delay(extraMs(slowness, random));
  return {
    name: host.name,
    run: async (...args) => {
      await wait();
      return host.run(...args);
    },
    readFile: async (...args) => {
      await wait();
      return host.readFile(...args);
    },
    writeFile: async (...args) => {
      await wait();
      return host.writeFile(...args);
    },
  };
}

/** How long a call waits: its latency, and a growing pause for each throttled attempt before it. */
export function extraMs({ latencyMs, throttledShare }: Slowness, random: () => number): number {
  let sum = latencyMs;
  for (let attempt = 1; attempt < attempts && random() < throttledShare; attempt += 1) sum += latencyMs * 2 ** attempt;
  return sum;
}
