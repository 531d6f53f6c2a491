import fc, { type Arbitrary } from 'fast-check';
import { type Flavour, type HeaderValue, type Operation, text } from './requests.ts';
import { validString } from './values.ts';

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

/** The header lines of a request, but for those of its content. */
export function headersOf(operation: Operation, flavour: Flavour): Arbitrary<[string, HeaderValue][]> {
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
