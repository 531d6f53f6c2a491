import { createInsertQueue, createItemReads, type DbPool, type Gate } from '@pgha/db';
import {
  createService,
  type Draining,
  type Metrics,
  type RequestLog,
  registerOperationalRoutes,
  registerStatusPage,
} from '@pgha/http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { ApiConfig } from './config.ts';
import { registerItemRoutes } from './routes/items.ts';

export interface ApiDependencies {
  config: ApiConfig;
  version: string;
  log: Logger;
  requestLog: RequestLog | null;
  metrics: Metrics;
  pool: DbPool;
  gate: Gate;
  draining: Draining;
  notReadyBecause: () => string | null;
}

/** Builds the write service. Nothing listens and nothing connects yet. */
export async function buildApp(dependencies: ApiDependencies): Promise<FastifyInstance> {
  const { config, metrics, pool, gate } = dependencies;
  const app = await createService({
    ...dependencies,
    title: 'pgha write API',
    description: 'Writes, through the primary. Held, not failed, while there is none.',
  });
  const writes = { kind: 'write' as const, gate, observer: metrics.db };
  registerOperationalRoutes(app, dependencies);
  await registerStatusPage(app, { ...dependencies, requests: 'writes' });
  registerItemRoutes(app, {
    pool,
    writes,
    reads: createItemReads({ pool, context: { ...writes, kind: 'read' }, waitMs: 0 }),
    inserts: createInsertQueue({ pool, context: writes, locationPrefix: '/items/', maxRows: 256, maxInFlight: 2 }),
    writeDeadlineMs: config.writeDeadlineMs,
    readDeadlineMs: config.readDeadlineMs,
  });
  return app;
}
