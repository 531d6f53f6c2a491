import { createItemReads, type DbPool, type Gate } from '@pgha/db';
import { createService, type Metrics, registerOperationalRoutes, registerStatusPage } from '@pgha/http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { ReadApiConfig } from './config.ts';
import { registerItemRoutes } from './routes/items.ts';

export interface ReadApiDependencies {
  config: ReadApiConfig;
  version: string;
  log: Logger;
  metrics: Metrics;
  pool: DbPool;
  gate: Gate;
  isDraining: () => boolean;
  notReadyBecause: () => string | null;
}

/** Builds the read service. Nothing listens and nothing connects yet. */
export async function buildApp(dependencies: ReadApiDependencies): Promise<FastifyInstance> {
  const { config, metrics, pool, gate } = dependencies;
  const app = await createService({
    ...dependencies,
    title: 'pgha read API',
    description: 'Reads, from a replica, or from the primary when no replica is there.',
  });
  registerOperationalRoutes(app, dependencies);
  await registerStatusPage(app, { ...dependencies, requests: 'reads' });
  const context = { kind: 'read' as const, gate, observer: metrics.db };
  registerItemRoutes(app, createItemReads({ pool, context, waitMs: config.readWaitMs }), config.readDeadlineMs);
  return app;
}
