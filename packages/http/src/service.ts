import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Ajv } from 'ajv';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import type { Logger } from 'pino';
import { authenticate } from './authentication.ts';
import { registerDocs } from './docs.ts';
import type { Metrics } from './metrics.ts';
import { Problem, type ProblemKind, ProblemSchema, toProblem } from './problems.ts';
import { createRateLimit } from './rate-limit.ts';
import type { ServiceConfig } from './settings.ts';

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

/** `open` to everyone; `key` needs one when any are configured, `read` when reads do too; `internal` by address. */
export type Access = 'open' | 'read' | 'key' | 'internal';

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
  const app = Fastify({
    logger: false,
    ...(config.tls ? { https: config.tls } : {}),
    bodyLimit: bodyLimitBytes,
    requestTimeout: config.requestTimeoutMs,
    http: { headersTimeout: config.requestTimeoutMs, connectionsCheckingInterval: 1_000, requireHostHeader: false },
    // longer than the idle timeout of the load balancer (350 s), so that never the server closes first
    keepAliveTimeout: 355_000,
    trustProxy: config.trustedProxies.length > 0 ? config.trustedProxies : false,
    genReqId: createRequestIds(),
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      void send(new Problem('bad-request', error.message), request, reply, log);
    },
  } as FastifyServerOptions) as unknown as FastifyInstance;
  app.decorateRequest('credential', null);
  app.decorateRequest('traceId', null);
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    writeRaw(response, new Problem('expectation-failed', 'Only "100-continue" can be expected.'), request.url ?? '/');
  });

  useStrictValidation(app);
  useStrictJson(app);
  app.addSchema(ProblemSchema);
  app.setErrorHandler((error, request, reply) => send(toProblem(error), request, reply, log));
  app.setNotFoundHandler(() => {
    throw new Problem('not-found', 'There is nothing at this address.');
  });

  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: config.corsOrigins,
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: ['ETag', 'Location', 'Link', 'Commit-LSN', 'Replica-LSN', 'Idempotency-Replayed', 'Retry-After'],
    });
  }
  const keyedAccess = config.keys.length === 0 ? [] : config.readsNeedKey ? ['key', 'read'] : ['key'];
  await registerDocs(app, { ...options, keyedAccess });
  admitRequests(app, options);
  reportRequests(app, options);
  return app;
}

/** The instance with TypeBox schemas as types. */
export function typed(app: FastifyInstance) {
  return app.withTypeProvider<TypeBoxTypeProvider>();
}

/** Bodies are taken as they are; parameters and headers arrive as text and may be read as numbers and booleans. */
function useStrictValidation(app: FastifyInstance): void {
  const shared = { allErrors: true, useDefaults: true, removeAdditional: false, strict: false } as const;
  const compilers = {
    exact: new Ajv({ ...shared, coerceTypes: false }),
    text: new Ajv({ ...shared, coerceTypes: true }),
  };
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? compilers.exact : compilers.text).compile(schema as object),
  );
}

/** Bytes that are not UTF-8 would be replaced silently; they are refused. A DELETE may declare JSON and send nothing. */
function useStrictJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0 && request.method === 'DELETE') return done(null, undefined);
    if (!isUtf8(body)) return done(new Problem('bad-request', 'The body is not UTF-8.'), undefined);
    return parse(request, body.toString(), (error, value) => {
      done(error ? new Problem('bad-request', 'The body is not JSON.', { cause: error }) : null, value);
    });
  });
}

/** Rate limit, unknown addresses, key and address checks: everything that is decided before a body is read. */
function admitRequests(app: FastifyInstance, { config, metrics, isDraining }: ServiceOptions): void {
  const take = createRateLimit(config.rateLimit);
  const policy = `"default";q=${config.rateLimit.max};w=${Math.ceil(config.rateLimit.windowMs / 1000)}`;
  const routes: { pattern: RegExp; methods: Set<string> }[] = [];

  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replaceAll(/:[^/]+/g, '[^/]+').replaceAll('*', '.*')}$`);
    const methods = typeof method === 'string' ? [method] : method;
    const known = routes.find((route) => route.pattern.source === pattern.source);
    if (known) for (const each of methods) known.methods.add(each);
    else routes.push({ pattern, methods: new Set(methods) });
  });

  app.addHook('onRequest', (request, reply, done) => {
    metrics.inFlight.value += 1;
    const verdict = take(request.ip);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('ratelimit', `"default";r=${verdict.remaining};t=${verdict.resetSeconds}`);
    reply.header('ratelimit-policy', policy);
    if (config.tls) reply.header('strict-transport-security', 'max-age=31536000');
    if (isDraining()) reply.header('connection', 'close');
    request.traceId = parseTraceparent(request.headers['traceparent']);
    if (!verdict.allowed) {
      return done(
        new Problem(
          'rate-limited',
          `${config.rateLimit.max} requests in ${config.rateLimit.windowMs} ms are allowed.`,
          {
            headers: { 'retry-after': String(verdict.resetSeconds) },
          },
        ),
      );
    }
    if (request.is404) return done(unmatched(request));
    return done(checkAccess(request));
  });

  function unmatched(request: FastifyRequest): Problem {
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = routes.find((route) => route.pattern.test(path))?.methods;
    if (!methods) return new Problem('not-found', 'There is nothing at this address.');
    const allow = [...methods].sort().join(', ');
    return new Problem('method-not-allowed', `${request.method} is not possible here; use ${allow}.`, {
      headers: { allow },
    });
  }

  function checkAccess(request: FastifyRequest): Problem | undefined {
    const access = request.routeOptions.config.access ?? 'open';
    if (access === 'internal' && !isInternal(config, request.ip)) {
      return new Problem('forbidden', 'This page answers to internal addresses only.');
    }
    if (config.keys.length === 0) return undefined;
    request.credential = authenticate(config.keys, request.headers.authorization);
    const needed = access === 'key' || (access === 'read' && config.readsNeedKey);
    if (!needed || request.credential !== null) return undefined;
    return new Problem('unauthorized', 'Send "Authorization: Bearer <key>".', {
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
}

/** Whether an address may see the internal pages. */
export function isInternal(config: Pick<ServiceConfig, 'internal'>, ip: string): boolean {
  const address = ip.startsWith('::ffff:') ? ip.slice('::ffff:'.length) : ip;
  return config.internal.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

function reportRequests(app: FastifyInstance, { metrics, log }: ServiceOptions): void {
  const logs = log.isLevelEnabled('info');
  app.addHook('onResponse', (request, reply, done) => {
    metrics.inFlight.value -= 1;
    const ms = reply.elapsedTime;
    const route = request.routeOptions.url ?? 'unmatched';
    metrics.request(request.method, route, reply.statusCode, ms / 1000);
    if (logs) {
      log.info({
        req: request.id,
        trace: request.traceId ?? undefined,
        method: request.method,
        url: request.url,
        status: reply.statusCode,
        ms: Math.round(ms * 100) / 100,
        client: request.ip,
        key: request.credential ?? undefined,
      });
    }
    done();
  });
}

function send(problem: Problem, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  if (problem.status >= 500) log.error({ req: request.id, err: problem.cause ?? problem, problem: problem.kind });
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(JSON.stringify(problem.toBody(request.url.split('?', 1)[0] ?? '/', request.id)));
}

/** Requests that are not HTTP, too slow or too large in their headers never reach a route. */
const brokenRequests: Record<string, ProblemKind> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

function answerBrokenRequest(error: NodeJS.ErrnoException, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = new Problem(brokenRequests[error.code ?? ''] ?? 'bad-request', 'The request could not be read.');
  const body = JSON.stringify(problem.toBody('/', ''));
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.toBody('/', '').title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function writeRaw(response: ServerResponse, problem: Problem, url: string): void {
  response.writeHead(problem.status, { 'content-type': 'application/problem+json', connection: 'close' });
  response.end(JSON.stringify(problem.toBody(url.split('?', 1)[0] ?? '/', '')));
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

function parseTraceparent(header: string | string[] | undefined): string | null {
  if (typeof header !== 'string') return null;
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(header)?.[1] ?? null;
}
