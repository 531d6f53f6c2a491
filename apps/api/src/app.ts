import { createInsertQueue, createItemReads, type DbPool, type Gate } from '@pgha/db';
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
import type { ApiConfig } from './config.ts';
import { registerItemRoutes } from './routes/items.ts';

export interface ApiDependencies {
  config: ApiConfig;
  version: string;
  log: Logger;
  requestLog: RequestLog | null;
  metrics: Metrics;
  memory: MemoryBudget;
  pool: DbPool;
  gate: Gate;
  draining: Draining;
  schema: SchemaWatch;
  notReadyBecause: () => string | null;
}

const description = `Writes, through the primary. Held, not failed, while there is none.

- \`Idempotency-Key\` names a write: sent again with the same key it is answered again, and not applied again.
  A client that hangs up is not told what became of its write: what has not been sent to the database is dropped, what has been sent may still
  be committed. Only the same key, sent again, tells; without a key a client that gives up cannot know.
- Requests and answers that together hold more memory than \`REQUEST_MEMORY_MIB\` are answered 503 \`busy\` at once. Nothing was applied.
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
