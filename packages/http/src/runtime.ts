import { setTimeout as delay } from 'node:timers/promises';
import {
  assertSchemaIsCurrent,
  createGate,
  createPool,
  type DbPool,
  type ExpectedRole,
  type Gate,
  readReplicationLagBytes,
} from '@pgha/db';
import { createLog, type Log } from './log.ts';
import { createMemoryBudget, type MemoryBudget } from './memory-budget.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createSchemaWatch, type SchemaWatch } from './schema-watch.ts';
import { createDraining, type Draining } from './serve.ts';
import type { ServiceConfig } from './service-config.ts';
import { SettingsError } from './settings.ts';

/** What a running service has in addition to its routes: a pool, a gate, counters, a log, and background checks. */
export interface Runtime extends Log {
  metrics: Metrics;
  memory: MemoryBudget;
  pool: DbPool;
  gate: Gate;
  draining: Draining;
  schema: SchemaWatch;
  /** Null while the schema is current and the service has not been asked to stop. */
  notReadyBecause: () => string | null;
  /** Runs `task` every `everyMs` until the service stops; a failure is logged, and the next run follows as usual. */
  repeat(name: string, everyMs: number, task: () => Promise<void>): void;
  close(): Promise<void>;
}

const lagEveryMs = 5_000;
/** How often the schema is checked: until it is current, and afterwards, since a restore may take it back. */
const schemaEveryMs = { outdated: 500, current: 5_000 };

/** `role` is the role that the service needs of its database; `queueLimit` bounds the requests queued while no server has it. */
export function createRuntime(
  config: ServiceConfig,
  { name, role, queueLimit }: { name: string; role: ExpectedRole; queueLimit: number },
): Runtime {
  const { log, requestLog } = createLog(config.logLevel);
  const pools: DbPool[] = [];
  const memory = createMemoryBudget(config.requestMemoryMib);
  const metrics = createMetrics(() => pools, memory);
  const pool = createPool(name, config.db, config.pool, role, metrics.db);
  pools.push(pool);
  const gate = createGate(pool, queueLimit);
  const draining = createDraining();
  const stop = new AbortController();
  const schema = createSchemaWatch(() => assertSchemaIsCurrent(pool), log);

  const repeat: Runtime['repeat'] = async (task, everyMs, run) => {
    while (!stop.signal.aborted) {
      await run().catch((error: unknown) => log.warn({ err: error, task }, 'background task failed'));
      await delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
    }
  };

  async function watchSchema(): Promise<void> {
    let isWarm = false;
    while (!stop.signal.aborted) {
      const isCurrent = await schema.look();
      if (isCurrent && !isWarm)
        isWarm = await pool.warm().then(
          () => true,
          () => false,
        );
      const everyMs = isCurrent ? schemaEveryMs.current : schemaEveryMs.outdated;
      await delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
    }
  }

  void watchSchema();
  void repeat('replication lag', lagEveryMs, async () => {
    const lag = await pool.use(readReplicationLagBytes);
    if (lag !== null) metrics.setReplicaLag(lag);
  });

  return {
    log,
    requestLog,
    metrics,
    memory,
    pool,
    gate,
    draining,
    schema,
    notReadyBecause() {
      if (draining.isDraining()) return 'the service is shutting down';
      return schema.notReadyBecause();
    },
    repeat,
    async close() {
      stop.abort();
      gate.close();
      await pool.close();
      requestLog?.flush();
    },
  };
}

/** The configuration, or one line per wrong setting on stderr and exit status 2 (usage). */
export async function configOrExit<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.lines.join('\n')}\n`);
    process.exit(2);
  }
}
