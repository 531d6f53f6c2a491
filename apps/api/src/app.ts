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

const description = `Writes, through the primary. Held, not failed, while there is none.

- \`Idempotency-Key\` names a write: sent again with the same key it is answered again, and not applied again.
- \`Commit-LSN\` says where a write stands in the log. A read that carries it as \`Min-LSN\`, on the read service, sees the write.
- \`If-Match\` with an \`ETag\` changes an item only as it was read.
- Errors are problems as in RFC 9457; the \`type\` of one leads to what it means.`;

/** Builds the write service. Nothing listens and nothing connects yet. */
export async function buildApp(dependencies: ApiDependencies): Promise<FastifyInstance> {
  const { config, metrics, pool, gate } = dependencies;
  const app = await createService({
    ...dependencies,
    title: 'pgha write API',
    description,
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
