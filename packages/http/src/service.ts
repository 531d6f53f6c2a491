import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import type { Logger } from 'pino';

import { type Access, createAdmission } from './admission.ts';
import { bodyLimitBytes } from './body.ts';
import { createBrokenRequests } from './broken-requests.ts';
import { registerDocs } from './docs.ts';
import type { HeldRequest } from './memory-budget.ts';
import { discardBody, useStrictJson, useStrictValidation } from './parsing.ts';
import { Problem, ProblemSchema, toProblem } from './problems.ts';
import { createReception, type ReceptionOptions } from './reception.ts';
import { toReference } from './request-target.ts';
import { createAnswerClass, type Draining } from './serve.ts';
import type { ServiceConfig } from './service-config.ts';

export { isInternal } from './admission.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the key that was presented; null without one. */
    credential: string | null;
    /** From a valid `traceparent`; null without one. */
    traceId: string | null;
    /** What it occupies. */
    held: HeldRequest;
  }
  interface FastifyContextConfig {
    access?: Access;
  }
}

export interface ServiceOptions extends ReceptionOptions {
  title: string;
  description: string;
  version: string;
  config: ServiceConfig;
  log: Logger;
  draining: Draining;
}

/**
 * A Fastify instance with everything the two services share: strict parsing, problems, access, rate limit, metrics, one
 * log line per request, and the documentation. Routes are added by the caller; nothing listens yet.
 */
export async function createService(options: ServiceOptions): Promise<FastifyInstance> {
  const { config, log } = options;
  const admission = createAdmission(config);
  const receive = createReception(admission, options);
  const broken = createBrokenRequests((status, code, client) => log.info({ status, code, client }, 'broken request'));
  const parser = {
    headersTimeout: config.requestTimeoutMs,
    // Fastify sets it afterwards, and Node refuses a longer time for the headers than for the request
    requestTimeout: config.requestTimeoutMs,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
    ServerResponse: createAnswerClass(options.draining),
  };
  const app = Fastify({
    logger: false,
    ...(config.tls ? { https: { ...config.tls, ...parser } } : { http: parser }),
    bodyLimit: bodyLimitBytes,
    requestTimeout: config.requestTimeoutMs,
    // longer than the idle timeout of the load balancer (350 s), so that the server never closes first
    keepAliveTimeout: 355_000,
    trustProxy: config.trustedProxies.length > 0 ? config.trustedProxies : false,
    genReqId: createRequestIds(),
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: broken.answer,
    frameworkErrors: (_error: Error, request: FastifyRequest, reply: FastifyReply) => {
      const unreadable = new Problem('bad-request', 'The path cannot be decoded.');
      void send(receive(request, reply, unreadable) ?? unreadable, request, reply, log);
    },
  } as FastifyServerOptions) as unknown as FastifyInstance;
  app.decorateRequest('credential', null);
  app.decorateRequest('traceId', null);
  app.decorateRequest('held', null as never);
  app.server.maxConnections = options.memory.mostConnections;
  broken.watch(app.server);
  // handled as any other request, so that it is counted and logged like one
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    app.server.emit('request', request, response);
  });

  useStrictValidation(app);
  useStrictJson(app);
  app.addSchema(ProblemSchema);
  app.setErrorHandler(async (error, request, reply) => {
    request.body = undefined;
    request.held.dropBody();
    if (reply.getHeader('connection') === 'close') await discardBody(request.raw);
    const { validationContext } = error as FastifyError;
    const misplaced = validationContext === 'params' ? admission.misplaced(request) : null;
    const outdated = await options.schema.explain(error);
    return send(misplaced ?? outdated ?? toProblem(error), request, reply, log);
  });
  app.setNotFoundHandler(() => {
    throw new Problem('not-found', 'No resource exists at this path.');
  });
  app.addHook('onRoute', ({ url, method }) => admission.addRoute(url, method));
  app.addHook('onRequest', (request, reply, done) => done(receive(request, reply) ?? undefined));

  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: config.corsOrigins,
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: ['ETag', 'Location', 'Link', 'Commit-LSN', 'Replica-LSN', 'Idempotency-Replayed', 'Retry-After'],
    });
  }
  const keyedAccess = config.keys.length === 0 ? [] : config.readsNeedKey ? ['key', 'read'] : ['key'];
  await registerDocs(app, { ...options, keyedAccess, positions: options.position !== undefined });
  return app;
}

/** The instance with TypeBox schemas as types. */
export function typed(app: FastifyInstance) {
  return app.withTypeProvider<TypeBoxTypeProvider>();
}

function send(problem: Problem, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  if (problem.status >= 500 && !request.held.hasGone) {
    // 503 is about the database, which has alerts of its own; 500 and 504 have to be investigated
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
