import type { DbPool, Gate, ItemReads } from '@pgha/db';
import {
  createService,
  type Draining,
  type MemoryBudget,
  type Metrics,
  type RequestLog,
  registerOperationalRoutes,
  registerStatusPage,
  type SchemaWatch,
} from '@pgha/http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { ReadApiConfig } from './config.ts';
import { registerItemRoutes } from './routes/items.ts';

export interface ReadApiDependencies {
  config: ReadApiConfig;
  version: string;
  log: Logger;
  requestLog: RequestLog | null;
  metrics: Metrics;
  memory: MemoryBudget;
  pool: DbPool;
  gate: Gate;
  reads: ItemReads;
  draining: Draining;
  schema: SchemaWatch;
  notReadyBecause: () => string | null;
}

const description = `Reads, from a replica, or from the primary when no replica is there.

- \`Min-LSN\` with the \`Commit-LSN\` of a write waits until the replica has it. \`Replica-LSN\` says how far it has replayed.
- \`If-None-Match\` with an \`ETag\` is answered 304 while the item has it; \`Link\` leads from page to page.
- Errors are problems as in RFC 9457; the \`type\` of one leads to what it means.`;

/** Builds the read service. Nothing listens and nothing connects yet. */
export async function buildApp(dependencies: ReadApiDependencies): Promise<FastifyInstance> {
  const { config, reads } = dependencies;
  const app = await createService({
    ...dependencies,
    title: 'pgha read API',
    description,
    position: () => reads.lastPosition()?.text ?? null,
  });
  registerOperationalRoutes(app, dependencies);
  await registerStatusPage(app, { ...dependencies, requests: 'reads' });
  registerItemRoutes(app, reads, config.readDeadlineMs);
  return app;
}
