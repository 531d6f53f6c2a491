import { readFileSync } from 'node:fs';
import helmet from '@fastify/helmet';
import { type DbPool, type Gate, readStats } from '@pgha/db';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { readBackups } from '../backups.ts';
import { readCluster } from '../cluster.ts';
import type { Metrics } from '../metrics.ts';
import { problemResponses } from '../problems.ts';
import { isInternal, typed } from '../service.ts';
import type { ServiceConfig } from '../service-config.ts';
import type { Requests } from './event-text.ts';
import { prefersHtml } from './negotiation.ts';
import { renderFragment, renderPage, renderParts } from './page.ts';
import { createSampler } from './sampler.ts';

export interface StatusPageOptions {
  config: Pick<ServiceConfig, 'patroni' | 'backupInfoFile' | 'internal' | 'tls'>;
  metrics: Pick<Metrics, 'totals'>;
  pool: DbPool;
  gate: Gate;
  version: string;
  /** What the service holds while no server of its role answers. */
  requests: Requests;
}

const paths = { docs: '/docs', health: '/health', ready: '/ready' };

/** Nothing but the page's own style and script, and questions to the service itself. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: [],
    styleSrc: [],
    connectSrc: ["'self'"],
    imgSrc: ['data:'],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/**
 * `GET /`: the entry points as JSON, and to a browser at an internal address the status page; `GET /status/live`: the
 * parts of the page that change. Both are rendered from samples taken in the background, so that they answer at once
 * whatever the database does. A page asks once a second rather than keeping a stream open: a stream would hold up the
 * end of the service, take one of a browser's six connections a tab, and need a second rendering in the browser.
 */
export async function registerStatusPage(app: FastifyInstance, options: StatusPageOptions): Promise<void> {
  const { config, metrics, pool, gate, version, requests } = options;
  const { urls, ca } = config.patroni;
  const sampler = createSampler({
    readCluster: urls.length === 0 ? null : () => readCluster(urls, ca),
    readStats: () => pool.use(readStats),
    readBackups: () => readBackups(config.backupInfoFile),
    totals: metrics.totals,
    gate,
    needsLeader: requests === 'writes',
    now: Date.now,
  });
  app.addHook('onReady', async () => sampler.start());
  app.addHook('onClose', async () => sampler.stop());

  const entryPoints = { message: `pgha ${requests === 'writes' ? 'write' : 'read'} service`, ...paths };
  const frame = {
    requests,
    version,
    style: readText(new URL('./page.css', import.meta.url)),
    script: readText(new URL('./live.js', import.meta.url)),
  };
  const parts = () => renderParts(sampler.snapshot(), requests);

  // in a scope of its own: helmet's hooks would otherwise run for every request of the service
  await app.register(async (scope) => {
    await scope.register(helmet, {
      enableCSPNonces: true,
      contentSecurityPolicy,
      // the service sets it where it has TLS
      strictTransportSecurity: false,
      // browsers complain of it on a page without TLS
      ...(config.tls === null ? { crossOriginOpenerPolicy: false } : {}),
      // it would have to be on every answer of the service
      originAgentCluster: false,
      // as frame-ancestors says it to newer browsers
      xFrameOptions: { action: 'deny' },
    });
    const routes = typed(scope);

    routes.get(
      '/',
      {
        schema: {
          tags: ['operation'],
          summary: 'Entry points as JSON; the status page for browsers at an address in INTERNAL_CIDRS',
          response: {
            200: {
              description: 'the entry points, or the status page if `Accept` prefers HTML',
              content: {
                'application/json': { schema: EntryPointsSchema },
                'text/html': { schema: Type.String() },
              },
            },
            ...problemResponses('rate-limited'),
          },
        },
      },
      async (request, reply) => {
        reply.header('cache-control', 'no-store').header('vary', 'accept');
        if (!prefersHtml(request.headers.accept) || !isInternal(config, request.ip)) return reply.send(entryPoints);
        return reply.type('text/html; charset=utf-8').send(renderPage(frame, parts(), reply.cspNonce));
      },
    );

    routes.get(
      '/status/live',
      {
        config: { access: 'internal' },
        schema: {
          tags: ['operation'],
          summary: 'Live parts of the status page',
          response: {
            200: { description: 'HTML', content: { 'text/html': { schema: Type.String() } } },
            ...problemResponses('forbidden', 'rate-limited'),
          },
        },
      },
      async (_request, reply) =>
        reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(renderFragment(parts())),
    );
  });
}

const EntryPointsSchema = Type.Object(
  { message: Type.String(), docs: Type.String(), health: Type.String(), ready: Type.String() },
  { examples: [{ message: 'pgha write service', ...paths }] },
);

function readText(url: URL): string {
  return readFileSync(url, 'utf8');
}
