import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { completeDocument } from './document.ts';

export interface DocsOptions {
  title: string;
  description: string;
  version: string;
  /** Routes that need a key, by their `access`; empty when no keys are configured. */
  keyedAccess: string[];
  /** Whether every response carries the LSN that its server has replayed. */
  positions: boolean;
}

/** Nothing but what the service itself serves. Swagger UI draws its arrows as data: images. */
const contentSecurityPolicy = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

const viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">';
const keyScheme = { type: 'http', scheme: 'bearer', description: 'an API key (setting API_KEYS)' } as const;

/** OpenAPI 3.1 from the route schemas at `/openapi.json`, Swagger UI at `/docs`. Call before adding routes. */
export async function registerDocs(
  app: FastifyInstance,
  { title, description, version, keyedAccess, positions }: DocsOptions,
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version, license: { name: 'MIT', identifier: 'MIT' } },
      tags: [
        { name: 'items', description: 'create, read, change and delete items' },
        { name: 'operation', description: 'health, metrics, and the state of database, cluster and backups' },
      ],
      components: keyedAccess.length > 0 ? { securitySchemes: { key: keyScheme } } : {},
    },
    transform: ({ schema, url, route }) => {
      const access = route.config?.access;
      const needsKey = access !== undefined && keyedAccess.includes(access);
      return { schema: needsKey ? { ...schema, security: [{ key: [] }] } : schema, url };
    },
    transformObject: (document) =>
      completeDocument('openapiObject' in document ? document.openapiObject : document.swaggerObject, positions),
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `schema-${index}`) },
  });
  await app.register(async (scope) => {
    // its page lacks what tells a phone that it fits
    scope.addHook('onSend', async (_request, reply, payload) =>
      typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('text/html')
        ? payload.replace('<head>', `<head>${viewport}`)
        : payload,
    );
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: contentSecurityPolicy,
      theme: { title },
      // the other layout's bar holds a logo with a style of its own; the validator is another origin
      uiConfig: { layout: 'BaseLayout', validatorUrl: null, deepLinking: true, displayRequestDuration: true },
    });
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
