import fc, { type Arbitrary } from 'fast-check';
import type { JsonSchema } from '../contract/fixture/document.ts';
import type { Flavour, Operation } from './requests.ts';
import { hostileSegments, validString } from './values.ts';

/** The query of a request, with its question mark. */
export function queryOf(operation: Operation, flavour: Flavour): Arbitrary<string> {
  const parameters = (operation.documented.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const clean = parameters.map(({ name, schema, required }) => {
    const value = fc.oneof(
      { weight: 3, arbitrary: queryValue(schema, true) },
      { weight: 1, arbitrary: queryValue(schema, false) },
    );
    const pair = value.map((text) => `${name}=${text}`);
    return required ? pair : fc.option(pair);
  });
  const pairs = fc.tuple(...clean).map((all) => all.filter((pair) => pair !== null));
  if (flavour === 'clean') return pairs.map(joinQuery);
  const names = [
    ...parameters.map(({ name }) => name),
    'x',
    '__proto__',
    'constructor',
    '',
    '%00',
    '%zz',
    'limit[]',
    'a.b',
  ];
  const odd = fc
    .tuple(fc.constantFrom(...names), fc.oneof(fc.constantFrom(...hostileSegments), fc.constant('')))
    .map(([name, value]) => `${name}=${value}`);
  const junk = fc.constantFrom('&', '=', '&&=&', '?', '#', ';', '%', 'x'.repeat(4000), '&'.repeat(2000), 'limit');
  return fc
    .tuple(pairs, fc.array(fc.oneof(odd, odd, junk), { minLength: 1, maxLength: 3 }))
    .map(([before, after]) => joinQuery([...before, ...after]));
}

/** Small numbers are what readers ask; the whole range is what the document allows. */
function queryValue(schema: JsonSchema, small: boolean): Arbitrary<string> {
  if (schema.type === 'boolean') return fc.constantFrom('true', 'false');
  if (schema.type === 'string') return validString(schema);
  const { minimum = 0, maximum = 1_000_000 } = schema;
  return fc.integer({ min: minimum, max: small ? Math.min(maximum, minimum + 20) : maximum }).map(String);
}

function joinQuery(pairs: string[]): string {
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
