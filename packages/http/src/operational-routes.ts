import { classify, type DbPool, readStats } from '@pgha/db';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { BackupsSchema, readBackups } from './backups.ts';
import { ClusterSchema, readCluster } from './cluster.ts';
import type { Metrics } from './metrics.ts';
import { type ProblemKind, problemKinds, problemType } from './problem-kinds.ts';
import { Problem, problemResponses } from './problems.ts';
import { typed } from './service.ts';
import type { ServiceConfig } from './service-config.ts';

export interface OperationalOptions {
  config: ServiceConfig;
  metrics: Metrics;
  pool: DbPool;
  version: string;
  /** Why the service is not ready although its database responds; null when it is ready. */
  notReadyBecause: () => string | null;
}

const time = Type.String({ format: 'date-time' });
const exampleTime = '2026-01-15T14:30:00.000Z';
const HealthSchema = Type.Object(
  { status: Type.Literal('healthy'), version: Type.String(), timestamp: time },
  { examples: [{ status: 'healthy', version: '0.1.0', timestamp: exampleTime }] },
);
const statsExample = {
  database_size_bytes: 43_712_183,
  active_connections: 7,
  max_connections: 120,
  connection_usage_percent: 5.83,
  transactions_committed: 48_211,
  transactions_rolled_back: 3,
  blocks_read: 1_204,
  blocks_hit: 98_113,
  cache_hit_ratio: 0.9879,
  replication_lag_bytes: 0,
  is_in_recovery: false,
  timestamp: exampleTime,
};
const StatsSchema = Type.Object(
  {
    database_size_bytes: Type.Integer(),
    active_connections: Type.Integer(),
    max_connections: Type.Integer(),
    connection_usage_percent: Type.Number(),
    transactions_committed: Type.Integer(),
    transactions_rolled_back: Type.Integer(),
    blocks_read: Type.Integer(),
    blocks_hit: Type.Integer(),
    cache_hit_ratio: Type.Number(),
    replication_lag_bytes: Type.Union([Type.Integer(), Type.Null()]),
    is_in_recovery: Type.Boolean(),
    timestamp: time,
  },
  { examples: [statsExample] },
);
const ReadySchema = Type.Object(
  {
    status: Type.Union([Type.Literal('ready'), Type.Literal('not_ready')]),
    database: Type.Union([Type.Literal('connected'), Type.Literal('disconnected')]),
    reason: Type.Optional(Type.String()),
    timestamp: time,
  },
  { examples: [{ status: 'ready', database: 'connected', timestamp: exampleTime }] },
);

/** A load balancer asks every few seconds: a response that takes longer than this is as good as none. */
const readyTimeoutMs = 2_000;

/** Liveness, readiness, metrics, and the state of database, cluster and backups. */
export function registerOperationalRoutes(app: FastifyInstance, options: OperationalOptions): void {
  const { config, metrics, pool, version, notReadyBecause } = options;
  const routes = typed(app);
  const now = () => new Date().toISOString();
  const tags = ['operation'];

  routes.get(
    '/health',
    {
      schema: {
        tags,
        summary: 'Liveness; does not query the database',
        response: {
          200: HealthSchema,
          ...problemResponses('rate-limited'),
        },
      },
    },
    () => ({ status: 'healthy' as const, version, timestamp: now() }),
  );

  routes.get(
    '/ready',
    {
      schema: {
        tags,
        summary: 'Readiness: a database server with the required role responds and the schema is current',
        response: { 200: ReadySchema, 503: ReadySchema, ...problemResponses('rate-limited') },
      },
    },
    async (_request, reply) => {
      const failure = await databaseFailure(pool);
      const reason = failure ?? notReadyBecause();
      const database = failure === null ? ('connected' as const) : ('disconnected' as const);
      if (reason === null) return { status: 'ready' as const, database, timestamp: now() };
      return reply.code(503).send({ status: 'not_ready' as const, database, reason, timestamp: now() });
    },
  );

  routes.get(
    '/problems/:kind',
    {
      schema: {
        tags,
        summary: 'Explanation of a kind of problem; the type of a problem is this path',
        params: Type.Object({ kind: Type.Enum(Object.keys(problemKinds) as ProblemKind[]) }),
        response: { 200: ProblemKindSchema, ...problemResponses('not-found', 'rate-limited') },
      },
    },
    ({ params: { kind } }) => ({ type: problemType(kind), ...problemKinds[kind] }),
  );

  routes.get(
    '/metrics',
    {
      config: { access: 'internal' },
      schema: {
        tags,
        summary: 'Metrics in Prometheus text format',
        response: {
          200: { description: 'metrics', content: { 'text/plain': { schema: Type.String() } } },
          ...problemResponses('forbidden', 'rate-limited'),
        },
      },
    },
    async (_request, reply) =>
      reply.type(metrics.registry.contentType).send((await metrics.registry.metrics()) as never),
  );

  routes.get(
    '/stats',
    {
      config: { access: 'internal' },
      schema: {
        tags,
        summary: 'Database statistics',
        response: { 200: StatsSchema, ...problemResponses('forbidden', 'rate-limited', 'unavailable') },
      },
    },
    async () => ({ ...(await pool.use(readStats)), timestamp: now() }),
  );

  routes.get(
    '/cluster',
    {
      config: { access: 'internal' },
      schema: {
        tags,
        summary: 'Members, roles and lag, as Patroni reports them',
        response: { 200: ClusterSchema, ...problemResponses('forbidden', 'rate-limited', 'unavailable') },
      },
    },
    async () =>
      readCluster(config.patroni.urls, config.patroni.ca).catch((cause: unknown) => {
        throw new Problem('unavailable', 'No Patroni member responded; see PATRONI_URLS and the log of the service.', {
          headers: { 'retry-after': '1' },
          cause,
        });
      }),
  );

  routes.get(
    '/backups',
    {
      config: { access: 'internal' },
      schema: {
        tags,
        summary: 'State of the backups; always 200, the status field tells whether they are healthy',
        response: { 200: BackupsSchema, ...problemResponses('forbidden', 'rate-limited') },
      },
    },
    () => readBackups(config.backupInfoFile),
  );
}

const ProblemKindSchema = Type.Object(
  {
    type: Type.String({ format: 'uri-reference' }),
    title: Type.String(),
    status: Type.Integer(),
    advice: Type.String({ description: 'what the client should do' }),
  },
  { examples: [{ type: problemType('key-reused'), ...problemKinds['key-reused'] }] },
);

async function databaseFailure(pool: DbPool): Promise<string | null> {
  const asked = pool
    .use((session) => session.query({ name: 'ready', text: 'select 1' }))
    .then(
      () => null,
      // without names and addresses: anyone may ask
      (error: unknown) =>
        classify(error) === 'refused'
          ? 'the database server that responded does not have the required role'
          : 'the database is unreachable',
    );
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, readyTimeoutMs, `the database did not respond within ${readyTimeoutMs} ms`);
  });
  try {
    return await Promise.race([asked, timedOut]);
  } finally {
    clearTimeout(timer);
  }
}
