import { type ProblemKind, problemResponses } from './problems.ts';

/** What a request may be answered before it reaches an operation, or whichever it reaches. */
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

interface OpenApiObject {
  components?: { responses?: Record<string, unknown> };
  paths?: Record<string, Record<string, { parameters?: Parameter[]; responses: Record<string, unknown> }> | undefined>;
}

/**
 * Adds to a generated document what the route schemas do not say: the answers that no operation gives, as the `default` of
 * every operation (OpenAPI 3.1, 4.8.16), and that a parameter with a default may be left out.
 */
export function completeDocument<Document extends object>(document: Document): Document {
  const { components, paths } = document as OpenApiObject;
  const byStatus = Object.entries(problemResponses(...ofAnyRequest)) as [string, { description: string }][];
  const lines = byStatus.map(([status, { description }]) => `- ${status} ${description}`);
  const [, { description: _, ...problem }] = byStatus[0] ?? ['', { description: '' }];
  const anyRequest = {
    description: `What any request may be answered, whatever its operation:\n\n${lines.join('\n')}`,
    ...toReference(problem),
    'x-statuses': byStatus.map(([status]) => Number(status)),
  };
  if (components) components.responses = { ...components.responses, AnyRequest: anyRequest };
  for (const operations of Object.values(paths ?? {})) {
    for (const operation of Object.values(operations ?? {})) {
      operation.responses['default'] = { $ref: '#/components/responses/AnyRequest' };
      for (const parameter of operation.parameters ?? []) {
        if (parameter.schema?.default !== undefined) parameter.required = false;
      }
    }
  }
  return document;
}

/** Route schemas name a shared schema by its `$id`, the document by its place. */
function toReference(response: object): object {
  return JSON.parse(JSON.stringify(response).replaceAll('"$ref":"Problem"', '"$ref":"#/components/schemas/Problem"'));
}
