import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from './authentication.ts';
import { Problem } from './problems.ts';
import { createRateLimit } from './rate-limit.ts';
import { pathOf } from './request-target.ts';
import type { ServiceConfig } from './service-config.ts';

/** `open` to everyone; `key` needs one when any are configured, `read` when reads do too; `internal` by address. */
export type Access = 'open' | 'read' | 'key' | 'internal';

export interface Admission {
  /** Records a route, for the Allow header of a path that does not have the requested method. */
  addRoute(url: string, method: string | string[]): void;
  /**
   * Sets the headers of every response, and rejects a request that violates HTTP, exceeds the rate limit, matches no route
   * or is not allowed for this client. Null admits it. `unreadable` is the problem that prevents finding its route.
   */
  admit(
    request: FastifyRequest,
    reply: FastifyReply,
    circumstances: Circumstances,
    unreadable?: Problem,
  ): Problem | null;
  /** The problem of a path that matches only the route of another one. Null when the path belongs to that route. */
  misplaced(request: FastifyRequest): Problem | null;
}

/** What is known of a request already. */
interface Circumstances {
  client: string;
  route: FastifyRequest['routeOptions'];
  /** Milliseconds of `performance.now()`. */
  now: number;
}

/** Rate limit, unknown addresses, key and address checks. */
export function createAdmission(config: ServiceConfig): Admission {
  const take = createRateLimit(config.rateLimit);
  const policy = `"default";q=${config.rateLimit.max};w=${Math.ceil(config.rateLimit.windowMs / 1000)}`;
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  function admit(
    request: FastifyRequest,
    reply: FastifyReply,
    { client, route, now }: Circumstances,
    unreadable?: Problem,
  ): Problem | null {
    const verdict = take(client, now);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('ratelimit', `"default";r=${verdict.remaining};t=${verdict.resetSeconds}`);
    reply.header('ratelimit-policy', policy);
    if (config.tls) reply.header('strict-transport-security', 'max-age=31536000');
    if (!verdict.allowed) {
      return new Problem(
        'rate-limited',
        `The limit is ${config.rateLimit.max} requests per ${config.rateLimit.windowMs} ms per client.`,
        { headers: { 'retry-after': String(verdict.resetSeconds) } },
      );
    }
    const refused = protocolProblem(request) ?? unreadable;
    if (refused) return refused;
    return route.url === undefined ? unmatched(request) : accessProblem(config, request, client, route);
  }

  function routeFor(path: string) {
    return [...routes.values()].find(({ pattern }) => pattern.test(path));
  }

  function unmatched(request: FastifyRequest): Problem {
    const path = pathOf(request.url);
    const route = routes.get(path) ?? routeFor(path);
    if (!route) return new Problem('not-found', 'No resource exists at this path.');
    const allow = [...route.methods].sort().join(', ');
    return new Problem('method-not-allowed', `${request.method} is not allowed for this path; use ${allow}.`, {
      headers: { allow },
    });
  }

  return {
    admit,
    addRoute(url, method) {
      const route = routes.get(url) ?? { pattern: toPattern(url), methods: new Set() };
      for (const each of typeof method === 'string' ? [method] : method) route.methods.add(each);
      routes.set(url, route);
    },
    misplaced(request) {
      const path = pathOf(request.url);
      // `/items/batch` has a route of its own, for another method; `/items/` has none, and is no item without an id
      return !routes.has(path) && routeFor(path) ? null : unmatched(request);
    },
  };
}

/** A route's address as Fastify writes it: `:name` is a segment, `*` the rest. */
function toPattern(url: string): RegExp {
  const literal = url.replaceAll(/[.+?^$()|[\]\\{}]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll(/:[^/]+/g, '[^/]+').replaceAll('*', '.*')}$`);
}

/** What Node would answer without a problem (see `requireHostHeader` and `checkExpectation` in service.ts) or let through. */
function protocolProblem({ raw, headers, method }: FastifyRequest): Problem | null {
  if (headers.host === undefined && raw.httpVersionMajor === 1 && raw.httpVersionMinor === 1)
    return new Problem('bad-request', 'An HTTP/1.1 request must have a Host header (RFC 9112, 3.2).');
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue')
    return new Problem('expectation-failed', 'The only supported value of Expect is "100-continue".');
  // the router takes the first character for a slash, whichever it is
  if (!isTarget(raw.url ?? '', method))
    return new Problem('bad-request', 'The request target must be a path or an absolute http URL (RFC 9112, 3.2).');
  return null;
}

function isTarget(target: string, method: string): boolean {
  return target.startsWith('/') || /^https?:\/\//i.test(target) || (target === '*' && method === 'OPTIONS');
}

function accessProblem(
  config: ServiceConfig,
  request: FastifyRequest,
  client: string,
  route: Circumstances['route'],
): Problem | null {
  const access = route.config.access ?? 'open';
  if (access === 'internal' && !isInternal(config, client)) {
    return new Problem('forbidden', 'This path is available only to client addresses in INTERNAL_CIDRS.');
  }
  if (config.keys.length === 0) return null;
  request.credential = authenticate(config.keys, request.headers.authorization);
  const needed = access === 'key' || (access === 'read' && config.readsNeedKey);
  if (!needed || request.credential !== null) return null;
  return new Problem('unauthorized', 'Send a valid API key: "Authorization: Bearer <key>".', {
    headers: { 'www-authenticate': 'Bearer' },
  });
}

/** Whether an address may see the internal pages. A trusted proxy may pass on what is no address at all. */
export function isInternal(config: Pick<ServiceConfig, 'internal'>, ip: string): boolean {
  const address = ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip;
  const version = isIP(address);
  return version !== 0 && config.internal.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
