import { setTimeout as delay } from 'node:timers/promises';
import {
  assertSchemaIsCurrent,
  createGate,
  createPool,
  type DbPool,
  type ExpectedRole,
  type Gate,
  readReplicationLagBytes,
  SchemaVersionError,
} from '@pgha/db';
import { createLog, type Log } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createDraining, type Draining } from './serve.ts';
import type { ServiceConfig } from './service-config.ts';
import { SettingsError } from './settings.ts';

/** What a running service has beside its routes: a pool, a gate, counters, a log, and background checks. */
export interface Runtime extends Log {
  metrics: Metrics;
  pool: DbPool;
  gate: Gate;
  draining: Draining;
  /** Null once the schema has been found current and while nobody asked to stop. */
  notReadyBecause: () => string | null;
  /** Runs `task` every `everyMs` until the service stops; a failure is logged and the next run goes on. */
  repeat(name: string, everyMs: number, task: () => Promise<void>): void;
  close(): Promise<void>;
}

const lagEveryMs = 5_000;
const schemaRetryMs = 500;

/** `role` is what the service needs its database to be; `queueLimit` bounds the requests held while it is not there. */
export function createRuntime(
  config: ServiceConfig,
  { name, role, queueLimit }: { name: string; role: ExpectedRole; queueLimit: number },
): Runtime {
  const { log, requestLog } = createLog(config.logLevel);
  const pools: DbPool[] = [];
  const metrics = createMetrics(() => pools);
  const pool = createPool(name, config.db, config.pool, role, metrics.db);
  pools.push(pool);
  const gate = createGate(pool, queueLimit);
  const draining = createDraining();
  const stop = new AbortController();
  let schemaIsCurrent = false;

  const repeat: Runtime['repeat'] = async (task, everyMs, run) => {
    while (!stop.signal.aborted) {
      await run().catch((error: unknown) => log.warn({ err: error, task }, 'background task failed'));
      await delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
    }
  };

  async function checkSchema(): Promise<void> {
    while (!schemaIsCurrent && !stop.signal.aborted) {
      try {
        await assertSchemaIsCurrent(pool);
        await pool.warm();
        schemaIsCurrent = true;
      } catch (error) {
        if (error instanceof SchemaVersionError) log.error(error.message);
        await delay(schemaRetryMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
      }
    }
  }

  void checkSchema();
  void repeat('replication lag', lagEveryMs, async () => {
    const lag = await pool.use(readReplicationLagBytes);
    if (lag !== null) metrics.setReplicaLag(lag);
  });

  return {
    log,
    requestLog,
    metrics,
    pool,
    gate,
    draining,
    notReadyBecause() {
      if (draining.isDraining()) return 'the service is stopping';
      return schemaIsCurrent ? null : 'the schema has not been found current yet; run `pgha migrate`';
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

/** The configuration, or one line a wrong setting on stderr and the end of the process with 2 (usage). */
export async function configOrExit<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.lines.join('\n')}\n`);
    process.exit(2);
  }
}
