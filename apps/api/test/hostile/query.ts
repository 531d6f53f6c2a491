import fc, { type Arbitrary } from 'fast-check';
import type { DocumentedParameter, JsonSchema } from '../contract/fixture/document.ts';
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
  const misspelt = fc.oneof(...parameters.filter(isInteger).map(misspeltPair), odd);
  const junk = fc.constantFrom('&', '=', '&&=&', '?', '#', ';', '%', 'x'.repeat(4000), '&'.repeat(2000), 'limit');
  return fc
    .tuple(pairs, fc.array(fc.oneof(odd, misspelt, junk), { minLength: 1, maxLength: 3 }))
    .map(([before, after]) => joinQuery([...before, ...after]));
}

/** Small numbers are what readers ask; the whole range is what the document allows. */
function queryValue(schema: JsonSchema, small: boolean): Arbitrary<string> {
  if (schema.type === 'boolean') return fc.constantFrom('true', 'false');
  if (schema.type === 'string') return validString(schema);
  const { minimum = 0, maximum = 1_000_000 } = schema;
  return fc.integer({ min: minimum, max: small ? Math.min(maximum, minimum + 20) : maximum }).map(String);
}

const isInteger = ({ schema }: DocumentedParameter) => schema.type === 'integer';

/** A number within the bounds, written as some language or other would read it, and no contract does. */
function misspeltPair({ name, schema }: DocumentedParameter): Arbitrary<string> {
  return queryValue(schema, true).chain((digits) => {
    const value = Number(digits);
    const radix = [`0x${value.toString(16)}`, `0X${value}`, `0b${value.toString(2)}`, `0o${value.toString(8)}`];
    const fraction = [`${digits}.0`, `${digits}.`, `${digits}e0`, `${digits}E0`, `${value / 10}e1`, `${digits}_0`];
    const signed = [`+${digits}`, `%2B${digits}`, `-${digits}`, `--${digits}`, `${digits}n`, `${digits},0`];
    const padded = ['%20', '%09', '%0a', '%00', '%ef%bb%bf', '%c2%a0', '+'].flatMap((pad) => [
      pad + digits,
      digits + pad,
    ]);
    const otherDigits = [
      digits.replaceAll(/[0-9]/g, (digit) => encodeURIComponent(String.fromCodePoint(0x660 + Number(digit)))),
    ];
    return fc
      .constantFrom(...radix, ...fraction, ...signed, ...padded, ...otherDigits)
      .map((text) => `${name}=${text}`);
  });
}

/**
 * What is wrong with accepting a query: api.md's rule for numbers, said once more and apart from the service. Each number is
 * there once and is decimal digits.
 */
export function queryFaults({ documented }: Operation, target: string): string[] {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(target) ?? [];
  const pairs = query.split('&').map((pair) => /^([^=]*)=?(.*)$/s.exec(pair)?.slice(1).map(decode) ?? []);
  return (documented.parameters ?? [])
    .filter((parameter) => parameter.in === 'query' && isInteger(parameter))
    .flatMap(({ name }) => {
      const given = pairs.filter(([each]) => each === name).map(([, value]) => value);
      const isRight = given.length === 0 || (given.length === 1 && /^[0-9]+$/.test(given[0] ?? ''));
      return isRight ? [] : [`accepted although ${name} is ${JSON.stringify(given)}`];
    });
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function joinQuery(pairs: string[]): string {
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
