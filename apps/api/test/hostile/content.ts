import fc, { type Arbitrary } from 'fast-check';
import { type Flavour, type HeaderValue, type Operation, text } from './requests.ts';
import { hostileJson, type Resolve, validJson } from './values.ts';

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

/** The body of a request, and the header that says what it is. */
export function contentOf(operation: Operation, resolve: Resolve, body: Flavour, media: Flavour): Arbitrary<Content> {
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
