import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { ServiceOptions } from './service.ts';

/** OpenAPI 3.1 from the route schemas at `/openapi.json`, Swagger UI at `/docs`. Call before adding routes. */
export async function registerDocs(
  app: FastifyInstance,
  { title, description, version, config }: ServiceOptions,
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version, license: { name: 'MIT', identifier: 'MIT' } },
      ...(config.keys.length > 0
        ? { components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } } }
        : {}),
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `schema-${index}`) },
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { deepLinking: true, displayRequestDuration: true },
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
