import type { ProblemKind } from './problem-kinds.ts';
import { problemExamples, problemResponses } from './problems.ts';

/** Problems that any request may receive, before it reaches an operation or from any of them. */
const ofAnyRequest: ProblemKind[] = [
  'bad-request',
  'not-found',
  'method-not-allowed',
  'request-timeout',
  'too-large',
  'expectation-failed',
  'rate-limited',
  'headers-too-large',
  'internal',
];

interface Parameter {
  required?: boolean;
  schema?: { default?: unknown };
}

interface Response {
  description: string;
  headers?: Record<string, unknown>;
}

interface OpenApiObject {
  components?: { responses?: Record<string, unknown>; headers?: Record<string, unknown> };
  paths?: Record<string, Record<string, { parameters?: Parameter[]; responses: Record<string, Response> }> | undefined>;
}

/** Headers of every response. */
const everyHeader = {
  RateLimit: 'requests left in the current window (r) and seconds until it resets (t)',
  'RateLimit-Policy': 'requests allowed per client (q) per window of w seconds',
};
const positionHeader = {
  'Replica-LSN': 'the LSN that the server has replayed: the response is at least as new as this',
};

/**
 * Adds to a generated document what the route schemas do not say: the answers that no operation gives, as the `default` of
 * every operation (OpenAPI 3.1, 4.8.16), the headers of every answer, and that a parameter with a default may be left out.
 * `positions` says that every answer carries its server's position.
 */
export function completeDocument<Document extends object>(document: Document, positions: boolean): Document {
  const { components, paths } = document as OpenApiObject;
  const described = Object.entries({ ...everyHeader, ...(positions ? positionHeader : {}) });
  const headers = Object.fromEntries(described.map(([name]) => [name, { $ref: `#/components/headers/${name}` }]));
  if (components) {
    components.headers = Object.fromEntries(
      described.map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
    );
    components.responses = { ...components.responses, AnyRequest: { ...anyRequest(), headers } };
  }
  for (const operations of Object.values(paths ?? {})) {
    for (const operation of Object.values(operations ?? {})) {
      for (const response of Object.values(operation.responses)) response.headers = { ...headers, ...response.headers };
      Object.assign(operation.responses, { default: { $ref: '#/components/responses/AnyRequest' } });
      for (const parameter of operation.parameters ?? []) {
        if (parameter.schema?.default !== undefined) parameter.required = false;
      }
    }
  }
  return document;
}

function anyRequest(): Response {
  const byStatus = Object.entries(problemResponses(...ofAnyRequest)) as [string, Response][];
  const lines = byStatus.map(([status, { description }]) => `- ${status} ${description}`);
  return {
    description: `Problems that any request may receive, whatever its operation:\n\n${lines.join('\n')}`,
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: problemExamples(ofAnyRequest),
      },
    },
    'x-statuses': byStatus.map(([status]) => Number(status)),
  } as Response;
}
