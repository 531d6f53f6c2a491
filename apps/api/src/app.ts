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

const description = `Reads and writes, through the primary. While there is no primary, requests are queued and retried instead of failing.

- \`Idempotency-Key\` makes a write safe to retry: sent again with the same key, it returns the stored response and is not applied twice.
  If a client disconnects, a write that has not been sent to the database is dropped; one that has been sent may still be committed.
  The same request sent again with the same key returns the outcome; without a key it cannot be determined.
- When requests and responses in progress reach \`REQUEST_MEMORY_MIB\`, further ones get 503 \`busy\` at once. Nothing was applied.
- \`Commit-LSN\` is the WAL position of a write. Send it as \`Min-LSN\` to the read API to read your own write.
- \`If-Match\` with an \`ETag\` makes a change conditional: it fails with 412 if the item has changed since it was read.
- Errors are problem details (RFC 9457); the \`type\` of a problem is the path of its explanation.`;

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
