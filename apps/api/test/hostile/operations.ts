import fc, { type Arbitrary } from 'fast-check';
import type { JsonSchema, OpenApi } from '../contract/fixture/document.ts';
import { contentOf } from './content.ts';
import { headersOf } from './headers.ts';
import { queryOf } from './query.ts';
import type { Flavour, Operation, RequestPlan, Segment } from './requests.ts';
import { hostileSegments, type Resolve } from './values.ts';

function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([template, operations]) =>
    Object.entries(operations).map(([name, documented]) => {
      const method = name.toUpperCase();
      return { method, template, documented };
    }),
  );
}

/** Requests for the operations of `document`: as documented, nearly, and hostile. */
export function requestPlans(document: OpenApi): Arbitrary<RequestPlan> {
  const resolve = (schema: JsonSchema): JsonSchema => {
    if (schema.$ref === undefined) return schema;
    const name = schema.$ref.split('/').at(-1) ?? '';
    return (document.components.schemas[name] ?? {}) as JsonSchema;
  };
  const plans = operationsOf(document).map((operation) => ({
    // what takes arguments has more to be broken
    weight: operation.documented.requestBody ? 6 : operation.documented.parameters ? 4 : 1,
    arbitrary: planFor(operation, resolve),
  }));
  return fc.oneof(...plans);
}

/** One hostile part at a time finds what stands behind the checks of the others. */
const parts = ['none', 'path', 'query', 'headers', 'body', 'media', 'method', 'all'] as const;

function planFor(operation: Operation, resolve: Resolve): Arbitrary<RequestPlan> {
  return fc.oneof(
    ...parts.map((broken) => {
      const flavour = (name: (typeof parts)[number]): Flavour =>
        broken === name || broken === 'all' ? 'hostile' : 'clean';
      return fc
        .record({
          method: methodOf(operation, flavour('method')),
          segments: segmentsOf(operation, flavour('path')),
          query: queryOf(operation, flavour('query')),
          headers: headersOf(operation, flavour('headers')),
          content: contentOf(operation, resolve, flavour('body'), flavour('media')),
          oneInTen: fc.nat({ max: 9 }),
          oneInThirty: fc.nat({ max: 29 }),
        })
        .map(({ method, segments, query, headers, content, oneInTen, oneInThirty }) => ({
          operation,
          method,
          segments,
          query,
          headers: [...headers, ...content.headers],
          body: content.body,
          chunked: oneInTen === 1,
          clean: broken === 'none',
          replay: oneInThirty === 1,
          [fc.toStringMethod]: () => `${operation.method} ${operation.template}, hostile in: ${broken}`,
        }));
    }),
  );
}

const otherMethods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'PURGE',
  'LINK',
];

function methodOf({ method }: Operation, flavour: Flavour): Arbitrary<string> {
  if (flavour === 'hostile') return fc.constantFrom(...otherMethods);
  return method === 'GET'
    ? fc.oneof({ weight: 9, arbitrary: fc.constant('GET') }, fc.constant('HEAD'))
    : fc.constant(method);
}

function segmentsOf(operation: Operation, flavour: Flavour): Arbitrary<Record<string, Segment>> {
  const clean = ({ enum: choices }: JsonSchema): Arbitrary<Segment> =>
    choices
      ? fc.constantFrom(...choices).map((choice) => ({ text: String(choice) }))
      : fc.nat({ max: 1000 }).map((place) => ({ own: place }));
  const hostile = fc
    .oneof(fc.constantFrom(...hostileSegments), fc.string({ unit: 'binary' }).map(encodeURIComponentOf))
    .map((text): Segment => ({ text: text === '' ? '%20' : text }));
  const names = (operation.documented.parameters ?? []).filter((parameter) => parameter.in === 'path');
  return fc.record(
    Object.fromEntries(names.map(({ name, schema }) => [name, flavour === 'clean' ? clean(schema) : hostile])),
  );
}

/** Lone surrogates have no encoding; they become what they would be if they had one. */
function encodeURIComponentOf(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ed%a0%80';
}
