import fc, { type Arbitrary } from 'fast-check';
import type { JsonSchema, OpenApi } from '../contract/fixture/document.ts';
import type { HeaderValue, Operation, RequestPlan, Segment } from './requests.ts';
import { hostileJson, hostileSegments, validJson, validString } from './values.ts';

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

type Flavour = 'clean' | 'hostile';
type Resolve = (schema: JsonSchema) => JsonSchema;

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
  const own = fc.nat({ max: 1000 }).map((place): Segment => ({ own: place }));
  const hostile = fc
    .oneof(fc.constantFrom(...hostileSegments), fc.string({ unit: 'binary' }).map(encodeURIComponentOf))
    .map((text): Segment => ({ text: text === '' ? '%20' : text }));
  const names = (operation.documented.parameters ?? []).filter((parameter) => parameter.in === 'path');
  return fc.record(Object.fromEntries(names.map(({ name }) => [name, flavour === 'clean' ? own : hostile])));
}

/** Lone surrogates have no encoding; they become what they would be if they had one. */
function encodeURIComponentOf(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ed%a0%80';
}

function queryOf(operation: Operation, flavour: Flavour): Arbitrary<string> {
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

const text = (value: string): HeaderValue => ({ text: value });
const freshKey = fc.uuid().map(text);

/** Values by header, as documented: what this list lacks is generated from the schema. */
const cleanValues: Record<string, Arbitrary<HeaderValue>> = {
  'idempotency-key': freshKey,
  'if-match': fc.constantFrom<HeaderValue>(
    text('*'),
    { etagOf: 'own', form: (etag) => etag },
    { etagOf: 'own', form: (etag) => `"x", ${etag}` },
    { etagOf: 'own', form: (etag) => `${etag},"a,b"` },
    { etagOf: 'own', form: (etag) => `W/${etag}` },
    { etagOf: 'other', form: (etag) => etag },
  ),
  'if-none-match': fc.constantFrom<HeaderValue>(
    text('*'),
    { etagOf: 'own', form: (etag) => etag },
    { etagOf: 'own', form: (etag) => `W/${etag}` },
    { etagOf: 'own', form: (etag) => `"x" , W/"y",${etag}` },
    { etagOf: 'other', form: (etag) => etag },
  ),
  'min-lsn': fc.constantFrom<HeaderValue>(
    ...Array.from({ length: 4 }, () => ({ position: true }) as const),
    // farther than any replica gets in the life of a test
    text('FFFFFFFF/0'),
  ),
};

const oddText = [
  ...['', ' ', '*', '"', '""', '"a', 'a', 'W/', 'W/"', 'w/"a"', ',', ', ,', '"a",', '*, "a"', '"\\""', "'a'"],
  ...['\x80', '\xff\xfe', '\xc3\xa9', '\t', 'a\tb', 'x'.repeat(256), 'x'.repeat(8000), '%00', '0', '-1', 'null'],
];
/** Header lines that services and the programs before them have been broken with. */
const oddLines: [name: string, values: string[]][] = [
  ['Idempotency-Key', ['a', 'x'.repeat(255), 'x'.repeat(256), '~!@#', '\xe9', '"quoted"', 'a, b']],
  ['If-Match', ['"1", *', '"1" "2"', '"\xff"', 'W/"1"', '"'.repeat(999)]],
  ['If-None-Match', ['"1", *', '"1" "2"', 'W/W/"1"']],
  ['Min-LSN', ['0/0', '0/1', 'FFFFFFFF/FFFFFFFF', '0/1;tl=99', '0/1;tl=0', '0/1;tl=4294967296', '0', '/', '0/', 'G/0']],
  ['Min-LSN', ['000000000/0', '0/1;tl=', '0/1;tl=+1', '0/1 ;tl=1', '0/1;TL=1', '0/1,0/2', '-1/0', '0x1/0x1']],
  ['Authorization', ['Bearer', 'Bearer x', 'bearer x y', 'Basic YTpi', 'Bearer \xff', 'Digest a="b"', 'Bearer,Bearer']],
  ['Traceparent', ['00-', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-'.padEnd(55, '0')]],
  ['Accept', ['text/html', '*/*;q=0', 'application/problem+json', 'text/html;q=a', ';;;', 'x/y,'.repeat(900)]],
  ['Accept-Encoding', ['gzip, br', 'identity;q=0, *;q=0']],
  ['Content-Encoding', ['gzip', 'br', 'identity', 'deflate, gzip']],
  ['Range', ['bytes=0-0', 'bytes=-1', 'items=0-1']],
  ['X-Forwarded-For', ['10.0.0.1', "'", '::1, 1.2.3.4', 'unknown']],
  ['X-Forwarded-Host', ['evil.test']],
  ['X-HTTP-Method-Override', ['DELETE']],
  ['Expect', ['100-continue', '200-ok', '100-continue, x']],
  ['Upgrade', ['websocket', 'h2c']],
  ['Connection', ['close', 'keep-alive, Upgrade', 'Host', 'Content-Length']],
  ['Origin', ['http://evil.test', 'null']],
  ['Access-Control-Request-Method', ['PUT']],
  ['Cookie', ['a=b; __proto__=1']],
  ['Host', ['', 'a b', 'evil.test:99999', '[::1', 'x'.repeat(2000)]],
  ['__proto__', ['1']],
  ['constructor', ['1']],
  ['X-Long', ['y'.repeat(15_000), 'y'.repeat(20_000)]],
];

function headersOf(operation: Operation, flavour: Flavour): Arbitrary<[string, HeaderValue][]> {
  const documented = (operation.documented.parameters ?? []).filter((parameter) => parameter.in === 'header');
  const clean = documented.map(({ name, schema }) => {
    const value = cleanValues[name.toLowerCase()] ?? validString(schema).map(text);
    return fc.option(
      value.map((each): [string, HeaderValue] => [name, each]),
      { freq: 2 },
    );
  });
  const all = fc.tuple(...clean).map((each) => each.filter((header) => header !== null));
  if (flavour === 'clean') return all;
  const odd = fc.oneof(
    ...oddLines.map(([name, values]) =>
      fc.constantFrom(...values, ...values, ...oddText).map((value): [string, HeaderValue] => [name, text(value)]),
    ),
  );
  const many = fc
    .nat({ max: 1200 })
    .map((count) => Array.from({ length: count }, (_, at): [string, HeaderValue] => [`x-${at}`, text('')]));
  return fc.oneof(
    {
      weight: 12,
      arbitrary: fc.tuple(all, fc.array(odd, { minLength: 1, maxLength: 3 })).map(([a, b]) => [...a, ...b]),
    },
    { weight: 1, arbitrary: fc.tuple(all, many).map(([a, b]) => [...a, ...b]) },
  );
}

interface Content {
  body: Buffer | null;
  headers: [string, HeaderValue][];
}

const bodyLimitBytes = 1024 * 1024;
const cleanTypes = [
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON',
  'application/json;charset="UTF-8"',
];
const oddTypes = [
  ...[
    'text/plain',
    'text/json',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ],
  ...[
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/json; charset=',
    'application/jsonp',
  ],
  ...[
    'application/merge-patch+json',
    'application/problem+json',
    'json',
    '',
    '/',
    ';',
    'application/',
    'application/json,text/plain',
  ],
  ...[
    'application/json;',
    'application/json; a',
    '\xff/\xff',
    'a/b; c="',
    '*/*',
    'application/json\t',
    `application/${'x'.repeat(5000)}`,
  ],
];

function contentOf(operation: Operation, resolve: Resolve, body: Flavour, media: Flavour): Arbitrary<Content> {
  const schema = operation.documented.requestBody?.content['application/json']?.schema;
  const type = (value: string): [string, HeaderValue][] => [['Content-Type', text(value)]];
  const headers =
    media === 'clean'
      ? fc.constantFrom(...cleanTypes).map(type)
      : fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(...oddTypes).map(type) },
          { weight: 1, arbitrary: fc.constant<[string, HeaderValue][]>([]) },
        );
  if (!schema) {
    // a body where none is expected
    if (body === 'clean' && media === 'clean') return fc.constant({ body: null, headers: [] });
    const unexpected = fc.constantFrom('', '{}', 'null', '{"a":', 'x').map((each) => Buffer.from(each));
    return fc.record({ body: unexpected, headers });
  }
  const valid = validJson(schema, resolve).map((each) => Buffer.from(each));
  if (body === 'clean') return fc.record({ body: valid, headers });
  const hostile = hostileJson(schema, resolve).map((each) => Buffer.from(each));
  const broken = fc.oneof(
    { weight: 60, arbitrary: hostile },
    {
      weight: 6,
      arbitrary: fc.tuple(valid, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1))),
    },
    { weight: 6, arbitrary: fc.tuple(valid, fc.nat(), fc.constantFrom(...brokenBytes)).map(insert) },
    { weight: 3, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 3, arbitrary: valid.map((bytes) => Buffer.from(bytes.toString(), 'utf16le')) },
    { weight: 1, arbitrary: fc.tuple(valid, fc.constantFrom(-1, 0, 1, 70_000)).map(pad) },
  );
  return fc.record({ body: fc.oneof({ weight: 40, arbitrary: broken }, fc.constant(null)), headers });
}

/** Bytes that are not UTF-8 (RFC 3629): lone, overlong, surrogate, too high, cut off. */
const brokenBytes = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xe2, 0x82],
  [0x00],
  [0xef, 0xbb, 0xbf],
];

function insert([bytes, at, extra]: [Buffer, number, number[]]): Buffer {
  const place = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, place), Buffer.from(extra), bytes.subarray(place)]);
}

/** Spaces around a valid body up to the limit, give or take some bytes. */
function pad([bytes, beyond]: [Buffer, number]): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(Math.max(0, bodyLimitBytes + beyond - bytes.length), ' ')]);
}
