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

const description = `Reads, from a replica, or from the primary if no replica is available.

- \`Min-LSN\` with the \`Commit-LSN\` of a write waits until the replica has replayed that write. \`Replica-LSN\` is the LSN that it has replayed.
- \`If-None-Match\` with an \`ETag\` returns 304 if the item has not changed; \`Link\` has the URL of the next page.
- Errors are problem details (RFC 9457); the \`type\` of a problem is the path of its explanation.`;

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
