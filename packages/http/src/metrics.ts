import type { DbObserver, DbPool } from '@pgha/db';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { registerDurations } from './durations.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** From half a millisecond, where a cached point read lies, to the write deadline. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface Metrics {
  registry: Registry;
  db: DbObserver;
  /** How the requests of a route are counted. `route` is the template, never the raw path. `isTraffic`: of the service's users. */
  requests(method: string, route: string, isTraffic: boolean): RequestRecorder;
  inFlight: { value: number };
  setReplicaLag(bytes: number): void;
  /** Totals of the traffic since the start: what probes, scrapes and the status page ask themselves is not in them. */
  totals(): RequestTotals;
}

/** A request has been answered. */
export type RequestRecorder = (status: number, seconds: number) => void;

export interface RequestTotals {
  requests: number;
  failures: number;
  /** Requests by upper bound of `latencyBuckets`, not cumulative; the last is unbounded. */
  latency: number[];
}

export const latencyBuckets = [...buckets, Number.POSITIVE_INFINITY];

/** One registry per service, so that two services in one process (the tests) do not share metrics. */
export function createMetrics(pools: () => DbPool[], memory: MemoryBudget): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const inFlight = { value: 0 };
  const totals: RequestTotals = { requests: 0, failures: 0, latency: latencyBuckets.map(() => 0) };

  const durations = registerDurations(registry, {
    name: 'http_request_duration_seconds',
    help: 'From the first byte of the request to the end of the response',
    bounds: buckets,
  });
  new Gauge({
    name: 'http_requests_in_flight',
    help: 'Requests in progress',
    registers,
    collect() {
      this.set(inFlight.value);
    },
  });
  new Gauge({
    name: 'http_requests_held_bytes',
    help: 'Estimated memory used by requests in progress and their responses',
    registers,
    collect() {
      this.set(memory.heldBytes());
    },
  });
  new Gauge({
    name: 'http_requests_held_bytes_limit',
    help: 'Limit of that memory (REQUEST_MEMORY_MIB); requests beyond it receive 503 busy',
    registers,
  }).set(memory.limitBytes);
  new Gauge({
    name: 'db_pool_connections',
    help: 'Connections of a pool, and requests waiting for one',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      for (const pool of pools()) {
        const { total, idle, waiting } = pool.counts();
        this.set({ pool: pool.name, state: 'active' }, total - idle);
        this.set({ pool: pool.name, state: 'idle' }, idle);
        this.set({ pool: pool.name, state: 'waiting' }, waiting);
      }
    },
  });
  const histogram = (name: string, help: string, labelNames: string[] = []) =>
    new Histogram({ name, help, labelNames, buckets, registers });
  const poolWait = histogram('db_pool_wait_seconds', 'Time a request waited for a connection of the pool', ['pool']);
  const query = histogram('db_query_duration_seconds', 'From sending a statement to receiving its last row', [
    'statement',
  ]);
  const retries = new Counter({
    name: 'db_retries_total',
    help: 'Retries of database operations, by reason',
    labelNames: ['reason'],
    registers,
  });
  const hold = histogram('write_hold_seconds', 'Time a write was queued because there was no primary');
  const unknown = new Counter({
    name: 'writes_outcome_unknown_total',
    help: 'Writes whose outcome could not be determined before the deadline (HTTP 504)',
    registers,
  });
  const silent = new Counter({
    name: 'db_connections_silent_total',
    help: 'Connections closed because the server no longer responded on them, and idle ones closed with them',
    labelNames: ['pool'],
    registers,
  });
  const replicaWait = histogram('replica_wait_seconds', 'Time a read waited for its Min-LSN');
  const lag = new Gauge({ name: 'replica_lag_bytes', help: 'Bytes of WAL not yet replayed by the replica', registers });

  // resolving labels costs more than observing: each combination is resolved once
  const poolWaits = cached((pool: string) => poolWait.labels({ pool }));
  const queries = cached((statement: string) => query.labels({ statement }));

  return {
    registry,
    inFlight,
    db: {
      poolWait: (pool, seconds) => poolWaits(pool).observe(seconds),
      query: (statement, seconds) => queries(statement).observe(seconds),
      retry: (reason) => retries.inc({ reason }),
      writeHold: (seconds) => hold.observe(seconds),
      writeOutcomeUnknown: () => unknown.inc(),
      connectionsSilent: (pool, count) => silent.inc({ pool }, count),
      replicaWait: (seconds) => replicaWait.observe(seconds),
    },
    requests(method, route, isTraffic) {
      const byStatus = cached((status: number) => durations.series({ method, route, status: String(status) }));
      return (status, seconds) => {
        const bucket = byStatus(status).observe(seconds);
        if (!isTraffic) return;
        totals.requests += 1;
        if (status >= 500) totals.failures += 1;
        totals.latency[bucket] = (totals.latency[bucket] ?? 0) + 1;
      };
    },
    setReplicaLag: (bytes) => lag.set(bytes),
    totals: () => ({ ...totals, latency: [...totals.latency] }),
  };
}

function cached<Key, T>(create: (key: Key) => T): (key: Key) => T {
  const known = new Map<Key, T>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      value = create(key);
      known.set(key, value);
    }
    return value;
  };
}
