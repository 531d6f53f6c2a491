import { setTimeout as delay } from 'node:timers/promises';
import { loadBalancerListeners } from '@pgha/infra/cluster';
import { connectThroughLoadBalancer } from '../../src/lab/access.ts';
import type { RunningLab } from './running-lab.ts';

const pooledPort = loadBalancerListeners.find(({ purpose }) => purpose.startsWith('pooled'))?.port ?? 0;

/** As long as the pooler itself lets a client wait (query_wait_timeout). */
const patienceMs = 60_000;

/** Clients of the pooler that commit transactions, each on one connection for its whole life. */
export interface PooledClients {
  /** Lets each finish its transaction; gives what was committed and everything that failed. */
  stop(): Promise<{ committed: number; errors: readonly string[] }>;
}

/** Starts clients that keep their connection through whatever happens: an error is an error, nobody tries again. */
export async function startPooledClients(lab: RunningLab, count: number): Promise<PooledClients> {
  const errors: string[] = [];
  let committed = 0;
  let isOver = false;
  const clients = await Promise.all(
    Array.from({ length: count }, () =>
      connectThroughLoadBalancer(lab.cluster, lab.cluster.primary, lab.access, pooledPort, patienceMs),
    ),
  );
  const loops = clients.map(async (client) => {
    while (!isOver) {
      try {
        // a transaction id makes the commit one that a standby confirms
        await client.query('begin; select pg_current_xact_id(); commit');
        committed += 1;
      } catch (error) {
        errors.push((error as Error).message);
        return;
      }
      await delay(20);
    }
  });
  return {
    stop: async () => {
      isOver = true;
      await Promise.all(loops);
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      return { committed, errors };
    },
  };
}
