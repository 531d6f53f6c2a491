import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import type { Logger } from 'pino';

import { type Access, type Admission, createAdmission } from './admission.ts';
import { createBrokenRequests } from './broken-requests.ts';
import { registerDocs } from './docs.ts';
import type { Metrics } from './metrics.ts';
import { discardBody, useStrictJson, useStrictValidation } from './parsing.ts';
import { Problem, ProblemSchema, toProblem } from './problems.ts';
import { toReference } from './request-target.ts';
import type { ServiceConfig } from './service-config.ts';

export { isInternal } from './admission.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the key that was presented; null without one. */
    credential: string | null;
    /** From a valid `traceparent`; null without one. */
    traceId: string | null;
  }
  interface FastifyContextConfig {
    access?: Access;
  }
}

export interface ServiceOptions {
  title: string;
  description: string;
  version: string;
  config: ServiceConfig;
  log: Logger;
  metrics: Metrics;
  /** True once the service has been told to stop: answers then ask the client to close its connection. */
  isDraining: () => boolean;
}

const bodyLimitBytes = 1024 * 1024;

/**
 * A Fastify instance with everything the two services share: strict parsing, problems, access, rate limit, metrics, one
 * log line a request, and the documentation. Routes are added by the caller; nothing listens yet.
 */
export async function createService(options: ServiceOptions): Promise<FastifyInstance> {
  const { config, log } = options;
  const admission = createAdmission(config);
  const receive = createReception(admission, options);
  const broken = createBrokenRequests((status, code, client) => log.info({ status, code, client }, 'broken request'));
  const parser = {
    headersTimeout: config.requestTimeoutMs,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
  };
  const app = Fastify({
    logger: false,
    ...(config.tls ? { https: { ...config.tls, ...parser } } : { http: parser }),
    bodyLimit: bodyLimitBytes,
    requestTimeout: config.requestTimeoutMs,
    // longer than the idle timeout of the load balancer (350 s), so that never the server closes first
    keepAliveTimeout: 355_000,
    trustProxy: config.trustedProxies.length > 0 ? config.trustedProxies : false,
    genReqId: createRequestIds(),
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: broken.answer,
    frameworkErrors: (_error: Error, request: FastifyRequest, reply: FastifyReply) => {
      void send(receive(request, reply) ?? new Problem('bad-request', 'The path cannot be read.'), request, reply, log);
    },
  } as FastifyServerOptions) as unknown as FastifyInstance;
  app.decorateRequest('credential', null);
  app.decorateRequest('traceId', null);
  broken.watch(app.server);
  // as any other request, so that it is counted, logged and answered like one
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    app.server.emit('request', request, response);
  });

  useStrictValidation(app);
  useStrictJson(app);
  app.addSchema(ProblemSchema);
  app.setErrorHandler(async (error, request, reply) => {
    if (reply.getHeader('connection') === 'close') await discardBody(request.raw);
    return send(toProblem(error), request, reply, log);
  });
  app.setNotFoundHandler(() => {
    throw new Problem('not-found', 'There is nothing at this address.');
  });
  app.addHook('onRoute', ({ url, method }) => admission.addRoute(url, method));
  app.addHook('onSend', (_request, reply, payload, done) => {
    // said with the answer and not before: a request may have been running when the service was told to stop
    if (options.isDraining()) reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('onRequest', (request, reply, done) =>
    done(receive(request, reply) ?? admission.permit(request) ?? undefined),
  );

  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: config.corsOrigins,
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: ['ETag', 'Location', 'Link', 'Commit-LSN', 'Replica-LSN', 'Idempotency-Replayed', 'Retry-After'],
    });
  }
  const keyedAccess = config.keys.length === 0 ? [] : config.readsNeedKey ? ['key', 'read'] : ['key'];
  await registerDocs(app, { ...options, keyedAccess });
  return app;
}

/** The instance with TypeBox schemas as types. */
export function typed(app: FastifyInstance) {
  return app.withTypeProvider<TypeBoxTypeProvider>();
}

/** As nginx calls a request whose client has gone before its answer. */
const clientGone = 499;

/** Admits a request, and reports it once its answer has been sent or nobody waits for it any more. */
function createReception(admission: Admission, { metrics, log }: ServiceOptions) {
  const logs = log.isLevelEnabled('info');

  function report(request: FastifyRequest, reply: FastifyReply, ms: number): void {
    metrics.inFlight.value -= 1;
    const status = reply.raw.writableFinished ? reply.raw.statusCode : clientGone;
    const { url = 'unmatched', config } = request.routeOptions;
    const isTraffic = config?.access === 'read' || config?.access === 'key';
    metrics.request(request.method, url, status, ms / 1000, isTraffic);
    if (!logs) return;
    log.info({
      req: request.id,
      trace: request.traceId ?? undefined,
      method: request.method,
      url: request.url,
      status,
      ms: Math.round(ms * 100) / 100,
      client: request.ip,
      key: request.credential ?? undefined,
    });
  }

  return (request: FastifyRequest, reply: FastifyReply): Problem | null => {
    const started = performance.now();
    metrics.inFlight.value += 1;
    // `finish` never comes where the client has gone
    reply.raw.once('close', () => report(request, reply, performance.now() - started));
    request.traceId = parseTraceparent(request.headers['traceparent']);
    return admission.admit(request, reply);
  };
}

function send(problem: Problem, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  if (problem.status >= 500) {
    // 503 tells of the surroundings, which report for themselves; 500 and 504 are for somebody to look into
    const level = problem.status === 503 ? 'warn' : 'error';
    log[level]({ req: request.id, err: problem.cause ?? problem, problem: problem.kind });
  }
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(JSON.stringify(problem.toBody(toReference(request.url), request.id)));
}

/** Unique within a fleet: a random part for the process and a counter. */
function createRequestIds(): () => string {
  const processPart = randomBytes(6).toString('base64url');
  let count = 0;
  return () => {
    count += 1;
    return `${processPart}-${count.toString(36)}`;
  };
}

/** The trace id of a W3C `traceparent` (Trace Context, 3.2.2); null for what is to be ignored. */
function parseTraceparent(header: string | string[] | undefined): string | null {
  if (typeof header !== 'string') return null;
  const [, version, trace = '', span = '', more] = traceparent.exec(header) ?? [];
  if (version === undefined || version === 'ff' || /^0+$/.test(trace) || /^0+$/.test(span)) return null;
  return version === '00' && more !== undefined ? null : trace;
}

const traceparent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
