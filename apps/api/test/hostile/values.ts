import fc, { type Arbitrary } from 'fast-check';
import type { JsonSchema } from '../contract/fixture/document.ts';

/** Resolves `$ref`; what it answers has none at its own level. */
export type Resolve = (schema: JsonSchema) => JsonSchema;

/**
 * JSON text that a schema allows. Text and not a value: half of what the hostile variants need (1e400, a key twice) has
 * no JavaScript value.
 */
export function validJson(schema: JsonSchema, resolve: Resolve): Arbitrary<string> {
  const { type, anyOf, enum: choices, ...rest } = resolve(schema);
  if (choices) return fc.constantFrom(...choices.map((choice) => JSON.stringify(choice)));
  if (anyOf) return fc.oneof(...anyOf.map((each) => validJson(each, resolve)));
  switch (type) {
    case 'null':
      return fc.constant('null');
    case 'boolean':
      return fc.constantFrom('true', 'false');
    case 'integer':
      return fc.integer({ min: rest.minimum ?? -1000, max: rest.maximum ?? 1000 }).map(String);
    case 'number':
      return validNumber(rest);
    case 'string':
      return validString(rest).map((text) => JSON.stringify(text));
    case 'array': {
      const item = validJson(rest.items ?? {}, resolve);
      // a full array now and then; mostly short, so that the table stays readable
      const short = fc.array(item, { minLength: rest.minItems ?? 0, maxLength: 4 });
      const full = item.map((each) => Array.from({ length: rest.maxItems ?? 4 }, () => each));
      return fc.oneof({ weight: 60, arbitrary: short }, { weight: 1, arbitrary: full }).map(renderArray);
    }
    case 'object':
      return validMembers(rest, resolve).map(renderObject);
    default:
      throw new Error(`no generator for ${JSON.stringify(schema)}`);
  }
}

type Member = [name: string, text: string];

function validMembers({ properties = {}, required = [], minProperties = 0 }: JsonSchema, resolve: Resolve) {
  const members = Object.entries(properties).map(([name, schema]) => {
    const member = validJson(schema, resolve).map((text): Member => [name, text]);
    return required.includes(name) ? member : fc.option(member);
  });
  return fc
    .tuple(...members)
    .map((all) => all.filter((member) => member !== null))
    .filter((all) => all.length >= minProperties);
}

function renderObject(members: Member[]): string {
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}

function renderArray(items: string[]): string {
  return `[${items.join(',')}]`;
}

/** Amounts with two decimals, as JSON may spell them; the schema cannot say the decimals, its description does. */
function validNumber({ minimum = -1e6, maximum = 1e6 }: JsonSchema): Arbitrary<string> {
  const cents = fc.oneof(
    fc.integer({ min: Math.ceil(minimum * 100), max: 100_000 }),
    fc.maxSafeInteger().filter((value) => value >= minimum * 100 && value <= Math.floor(maximum * 100)),
    fc.constantFrom(Math.ceil(minimum * 100), Math.floor(maximum * 100)),
  );
  return fc.oneof(
    cents.map((value) => String(value / 100)),
    cents.map((value) => (value / 100).toExponential()),
    cents.map((value) => (value / 100).toFixed(2)),
    fc.constantFrom('0', '-0', '-0.0', '0e5', '1E0', '1e-400'),
  );
}

/** Any text of the right length that the pattern allows, from the whole of Unicode. */
export function validString({ pattern = '', minLength = 0, maxLength = 40 }: JsonSchema): Arbitrary<string> {
  const rule = new RegExp(pattern, 'u');
  const fits = (text: string) => {
    const { length } = [...text];
    return length >= minLength && length <= maxLength && rule.test(text);
  };
  if (/^\^\[0-9\]/.test(pattern)) return fc.stringMatching(rule);
  const edges = ['a', 'é', '中', '😀'].flatMap((unit) => [minLength, maxLength].map((length) => unit.repeat(length)));
  return fc
    .oneof(
      { weight: 4, arbitrary: fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) }) },
      { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength, maxLength: Math.min(maxLength, 40) }) },
      { weight: 1, arbitrary: fc.constantFrom(...edges) },
    )
    .filter(fits);
}

const deep = (depth: number, open: string, close: string, core: string) =>
  open.repeat(depth) + core + close.repeat(depth);

/** Scalars that break programs, as JSON text. Some are no JSON. */
const hostileScalars: string[] = [
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'],
  ...['18446744073709551616', '2147483648', '4294967296', '9007199254740993', '1e308', '-1e308', '1e309'],
  ...['1e400', '-1e400', '1e-400', '-1e-400', '-0', '-0.0', '0.001', '0.005', '1.005', '-0.01', '0.1e-1'],
  ...['9999999999.99', '9999999999.995', '9999999999.994', '10000000000', '1e10', '99999999999999999999.99'],
  ...['01', '.5', '1.', '+1', '0x10', '1_000', 'NaN', 'Infinity', '-Infinity', 'undefined', '0b1', '1n'],
  `1${'0'.repeat(400)}`,
  `0.${'0'.repeat(400)}1`,
  ...['null', 'true', 'false', '[]', '{}', '[null]', '[1]', '["a"]', '{"a":1}', '""', '" "', '"true"', '"1"', '"1.00"'],
  ...[String.raw`"\u0000"`, String.raw`"a\u0000b"`, String.raw`"\ud800"`, String.raw`"a\udfffb"`],
  ...[String.raw`"\udc00\ud800"`, String.raw`"\ud83d"`, String.raw`"\uD83D\uDE00"`, String.raw`"\uffff"`],
  ...[String.raw`"\u202e"`, String.raw`"\ufeff"`, String.raw`"\x41"`, String.raw`"\u12"`, String.raw`"\\"`, '"\\'],
  ...[`"'; drop table items; --"`, `"' or 1=1 --"`, '"$1"', '"%s%n"', '"{{7*7}}"', '"<script>"', '"../.."'],
  ...['"\t"', '"\n"', '"\u007f"', '"\u2028"', "'a'", '/*c*/1', '"NaN"', '"__proto__"', '"constructor"'],
  JSON.stringify('a'.repeat(256)),
  JSON.stringify('😀'.repeat(255)),
  JSON.stringify('😀'.repeat(256)),
  JSON.stringify('a\u0301'.repeat(128)),
  JSON.stringify('x'.repeat(1001)),
  JSON.stringify('中'.repeat(1000)),
  JSON.stringify('x'.repeat(70_000)),
  deep(50, '[', ']', '1'),
  deep(50, '{"a":', '}', '1'),
];

const hostileNames = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'then', '', ' ', 'id'],
  ...[
    'created_at',
    'updated_at',
    'Name',
    'NAME',
    'name ',
    'n\u0000',
    '\ud800',
    'price.',
    '0',
    'isActive',
    '$ref',
    'a/b~c',
  ],
];

/** JSON text that is like what a schema allows and is not, or is nothing of the kind. */
export function hostileJson(schema: JsonSchema, resolve: Resolve): Arbitrary<string> {
  const resolved = resolve(schema);
  const scalar = fc.constantFrom(...hostileScalars);
  const anything = fc.oneof(
    scalar,
    fc.json(),
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom(
      '',
      ' ',
      '\n',
      '{',
      '[',
      '"',
      '}',
      '{}{}',
      '[]]',
      '{"a"}',
      '{,}',
      '[,]',
      '{"a":1,}',
      '//',
      '\ufeff{}',
    ),
    fc.nat({ max: 20_000 }).map((depth) => deep(depth + 1, '[', ']', '')),
    fc.nat({ max: 20_000 }).map((depth) => deep(depth + 1, '{"a":', '}', '1')),
    fc.nat({ max: 20_000 }).map((depth) => '['.repeat(depth + 1)),
  );
  if (resolved.type === 'object') {
    const { properties = {} } = resolved;
    const members = fc.tuple(validMembers(resolved, resolve), fc.nat(), scalar, fc.constantFrom(...hostileNames));
    const near = fc.oneof(
      members.map(([all, at, text]) => replaceAt(all, at, ([name]) => [[name, text]])),
      members.map(([all, at]) => replaceAt(all, at, () => [])),
      members.map(([all, at, text, name]) => replaceAt(all, at, (member) => [member, [name, text]])),
      // a key twice: the last one counts, whichever it is
      members.map(([all, at, text]) => replaceAt(all, at, (member) => [member, [member[0], text]])),
      members.map(([all, at, text]) => replaceAt(all, at, (member) => [[member[0], text], member])),
      members.map(([all, at, , name]) => replaceAt(all, at, ([, text]) => [[name, text]])),
      fc.constant(Object.keys(properties)).map((names) => names.map((name): Member => [name, 'null'])),
    );
    return fc.oneof({ weight: 6, arbitrary: near.map(renderObject) }, { weight: 1, arbitrary: anything });
  }
  if (resolved.type === 'array') {
    const { items = {}, maxItems = 10 } = resolved;
    const good = validJson(items, resolve);
    const bad = hostileJson(items, resolve);
    return fc.oneof(
      { weight: 3, arbitrary: fc.tuple(good, bad).map(renderArray) },
      { weight: 3, arbitrary: fc.tuple(bad, good, good).map(renderArray) },
      { weight: 1, arbitrary: good.map((item) => renderArray(Array.from({ length: maxItems + 1 }, () => item))) },
      { weight: 1, arbitrary: fc.constantFrom('[]', '{}', 'null', '[null]', '[[]]', '{"0":{}}', '{"length":1}') },
      { weight: 1, arbitrary: anything },
    );
  }
  return anything;
}

function replaceAt(members: Member[], at: number, by: (member: Member) => Member[]): Member[] {
  const index = members.length === 0 ? 0 : at % members.length;
  return members.flatMap((member, place) => (place === index ? by(member) : [member]));
}

/** What a path segment or a query value must not break: already encoded as far as it is. */
export const hostileSegments: string[] = [
  ...['0', '-1', '+1', '01', '1.0', '1e3', '0x1', ' 1', '1%20', '%31', '%2531', '9223372036854775807'],
  ...['9223372036854775808', '99999999999999999999', '1'.repeat(30), '1'.repeat(31), '1'.repeat(99), '9'.repeat(2000)],
  ...['%00', '1%00', '%zz', '%', '%e', '%2', '1%', '%2f', '1%2f2', '1%2F', '%5c', '..', '.', '%2e%2e', '%2e%2e%2f'],
  ...['%c0%80', '%ff', '%ed%a0%80', '%f5%80%80%80', '%c3%28', '%f0%9f%98%80', '%e2%80%ae', '%0d%0aX-Injected:%201'],
  ...['null', 'undefined', 'NaN', 'Infinity', 'true', '[]', '{}', '*', ':id', '{id}', '__proto__', 'constructor'],
  ...['1;drop', "1'", '1"', '1%27%20or%201=1', '1,2', '1|2', '1&2', '1=2', '~', '!', '@', '$1', '(1)', '1;a=b'],
  ...['١', '１', '\u00e9', '<1>', '`1`', '{1', '^'].map((text) => Buffer.from(text).toString('latin1')),
];
