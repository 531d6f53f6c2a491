import fc, { type Arbitrary } from 'fast-check';

/**
 * Bytes for a connection of their own, which no HTTP client would send. `@name@` stands for the name of the item they may
 * create, chosen when they are sent.
 */
export interface Exchange {
  /** What is odd about it. */
  about: string;
  bytes: Buffer;
  /** Places at which the bytes are cut into pieces, sent one after another. */
  cuts: number[];
  ending: 'wait' | 'send no more' | 'hang up';
  /** What the answers are to; for what follows, nothing that could be read. */
  requests: { method: string; target: string }[];
  /** How many answers must come, at least; after fewer the connection may close only where the client broke off. */
  answers: number;
}

export const namePlace = '@name@'.padEnd(36, '-');

const item = `{"name":"${namePlace}","price":1.5}`;
const post = (headers: string[], body = item) =>
  `POST /items HTTP/1.1\r\nHost: pgha.test\r\nContent-Type: application/json\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
const get = (target = '/items?limit=1', headers: string[] = [], version = 'HTTP/1.1') =>
  `GET ${target} ${version}\r\nHost: pgha.test\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
const goodPost = post([`Content-Length: ${item.length}`]);
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunkedPost = post(['Transfer-Encoding: chunked'], `${chunk(item.slice(0, 9))}${chunk(item.slice(9))}0\r\n\r\n`);

/** Whole requests that are wrong, or unusual, as bytes. */
const malformed: Record<string, string[]> = {
  'request line': [
    ...[
      'GET\r\n\r\n',
      'GET /items\r\n\r\n',
      'GET  /items HTTP/1.1\r\n\r\n',
      'GET\t/items\tHTTP/1.1\r\n\r\n',
      '\r\n\r\n\r\n',
    ],
    ...['get /items HTTP/1.1\r\nHost: x\r\n\r\n', 'G\0T / HTTP/1.1\r\n\r\n', 'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ...[
      'GET / HTTP/1.1 x\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET / HTTP/2.0\r\n\r\n',
      'GET / http/1.1\r\n\r\n',
      'GET / HTTP/1.10\r\n\r\n',
    ],
    ...['GET / HTTQ/1.1\r\n\r\n', `${'X'.repeat(20_000)} / HTTP/1.1\r\n\r\n`, 'FOO /items HTTP/1.1\r\nHost: x\r\n\r\n'],
    ...[
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'CONNECT pgha.test:443 HTTP/1.1\r\nHost: x\r\n\r\n',
      'CONNECT /items HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ...[
      'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET * HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET items HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ...[
      'http://x/items?limit=1',
      'HTTPS://user:pass@x/items',
      'ftp://x/items',
      'http://',
      'http:///items',
      '//items',
      '///',
      '/items//',
    ].map((target) => get(target)),
    ...[
      '/items#a',
      '/items?a#b',
      '/?',
      '/it ems',
      '/it"ems|<>',
      '/\x80\xff',
      '/items\\1',
      '/./items',
      '/../items',
      '/items/.',
      '/%',
    ].map((target) => get(target)),
    get(`/${'a'.repeat(15_000)}`),
    get(`/${'a'.repeat(17_000)}`),
    get(`/items?${'a=1&'.repeat(3_000)}`),
    `\r\n\r\n${get()}`,
  ],
  'header lines': [
    ...[
      'Host',
      ': x',
      'A b: c',
      'A : b',
      'A\0: b',
      'A: \0',
      'A: b\x01',
      'A: b\x7f',
      'A: b\rC: d',
      ' folded: x',
      '\xff: x',
    ],
    ...['A: b\r\n folded', 'A: b\nC: d', 'Host: other.test', 'A: x\r\nX-Injected: 1', `A: ${'x'.repeat(17_000)}`],
    ...[`${'n'.repeat(17_000)}: x`, 'Connection: close, close', 'Connection: \0', 'Keep-Alive: timeout=999999999'],
    ...[
      'Expect: nothing',
      'Expect: 100-continue',
      'Upgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
    ],
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13',
    Array.from({ length: 3_000 }, (_, at) => `a${at}: b`).join('\r\n'),
    Array.from({ length: 1_500 }, () => 'a: b').join('\r\n'),
  ].flatMap((line) => [get('/items?limit=1', [line]), post([`Content-Length: ${item.length}`, line])]),
  'no host': ['GET /items?limit=1 HTTP/1.1\r\n\r\n', 'GET /health HTTP/1.1\r\nAccept: */*\r\n\r\n'],
  'HTTP/1.0': [
    ...['HTTP/1.0', 'HTTP/1.0'].map((version) => get('/items?limit=1', ['Connection: keep-alive'], version)),
    'GET /health HTTP/1.0\r\n\r\n',
    goodPost.replace('HTTP/1.1', 'HTTP/1.0'),
    chunkedPost.replace('HTTP/1.1', 'HTTP/1.0'),
  ],
  length: [
    ...[
      '-1',
      '+1',
      '1e1',
      '0x10',
      '5,5',
      '5, 6',
      '',
      ' ',
      '9223372036854775808',
      '18446744073709551616',
      '1.0',
      'a',
      '\0',
    ].map((length) => post([`Content-Length: ${length}`])),
    post([`Content-Length: ${item.length}`, `Content-Length: ${item.length}`]),
    post([`Content-Length: ${item.length}`, 'Content-Length: 0']),
    post([`Content-Length: ${item.length}`, 'Transfer-Encoding: chunked']),
    post([`Content-Length: ${item.length - 1}`]),
    post([`Content-Length: ${item.length}`], `${item}   `),
    post(['Content-Length: 0']),
    post([]),
    post(['Content-Length: 99999999999'], ''),
    post(['Content-Length: 1048577'], ''),
  ],
  chunks: [
    ...[
      'chunked, chunked',
      'gzip, chunked',
      'chunked, gzip',
      'identity',
      'xchunked',
      'Chunked',
      'chunked;a=b',
      '"chunked"',
      '',
    ].map((coding) => chunkedPost.replace('Transfer-Encoding: chunked', `Transfer-Encoding: ${coding}`)),
    chunkedPost.replace('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'),
    ...['g', '-1', '0x5', 'ffffffffffffffff', '10000000000000000', ' 5', '5 ', '', '\0', `5;${'x'.repeat(20_000)}`].map(
      (size) => post(['Transfer-Encoding: chunked'], `${size}\r\n{"a":\r\n0\r\n\r\n`),
    ),
    post(['Transfer-Encoding: chunked'], `5\r\n{"a":1}\r\n0\r\n\r\n`),
    post(['Transfer-Encoding: chunked'], `${chunk(item)}0\r\nContent-Length: 5\r\nX-Injected: 1\r\n\r\n`),
    post(['Transfer-Encoding: chunked'], `${chunk(item)}0\r\nHost\r\n\r\n`),
    post(['Transfer-Encoding: chunked'], `${chunk(item)}0\n\n`),
    post(['Transfer-Encoding: chunked'], '0\r\n\r\n'),
    post(['Transfer-Encoding: chunked'], `${chunk(' '.repeat(1024 * 1024 + 1))}0\r\n\r\n`),
  ],
  'line ends': [
    get().replaceAll('\r\n', '\n'),
    goodPost.replaceAll('\r\n', '\n'),
    get().replaceAll('\r\n', '\r'),
    get().replace('\r\n', '\r\r\n'),
  ],
  'another protocol': [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.padEnd(300, '\x20'),
    'EHLO pgha.test\r\n',
    'SSH-2.0-OpenSSH_9.6\r\n',
    '\x00\x00\x00\x08\x04\xd2\x16\x2f',
    '*1\r\n$4\r\nPING\r\n',
    '\0'.repeat(500),
  ],
};

const whole = (about: string, text: string, answers = 1): Exchange => ({
  about,
  bytes: Buffer.from(text, 'latin1'),
  cuts: [],
  ending: 'wait',
  requests: [firstRequest(text)],
  answers,
});

/** The method and the target that the first line names, if it does. */
function firstRequest(text: string): { method: string; target: string } {
  const [method = 'GET', target = '/'] = text.trimStart().split(/[ \r\n]/, 2);
  return { method, target };
}

/** Whole requests, in one piece or in many. */
export function wholeExchanges(): Arbitrary<Exchange> {
  const fixed = Object.entries(malformed).flatMap(([about, texts]) => texts.map((text) => whole(about, text)));
  const good = fc.constantFrom(get(), goodPost, chunkedPost, get('/health'), get('/items/9000000000000000000'));
  const mangled = fc
    .tuple(
      good,
      fc.nat(),
      fc.oneof(fc.constantFrom('\0', '\r', '\n', ' ', '\t', ':', '\x80', '\xff', '\r\n'), fc.constant('')),
    )
    .map(([text, at, by]) => {
      // never in the name, by which what was created is known
      const from = text.indexOf(namePlace);
      const somewhere = at % text.length;
      const place = from >= 0 && somewhere >= from && somewhere < from + namePlace.length ? from - 1 : somewhere;
      return whole('one byte', text.slice(0, place) + by + text.slice(place + 1));
    });
  const noise = fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => ({ ...whole('noise', ''), bytes: Buffer.from(bytes) }));
  const pipelined = fc.array(
    fc.constantFrom(get(), get('/health'), get('/items/0'), 'DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n'),
    { minLength: 2, maxLength: 12 },
  );
  const inRow = fc
    .tuple(pipelined, fc.constantFrom('', goodPost), fc.constantFrom('', 'garbage\r\n\r\n', '\0\0', 'GET'))
    .map(([texts, last, rest]): Exchange => {
      const all = last === '' ? texts : [...texts, last];
      return {
        ...whole('pipelined', all.join('') + rest, all.length),
        requests: all.map(firstRequest),
      };
    });
  const dripped = fc
    .tuple(
      fc.oneof(good, fc.constantFrom(...fixed.map((each) => each.bytes.toString('latin1')))),
      fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
    )
    .map(([text, cuts]) => ({
      ...whole('in pieces', text),
      cuts: cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b),
    }));
  const halfClosed = fc
    .constantFrom(get(), goodPost, chunkedPost)
    .map((text): Exchange => ({ ...whole('half-closed after it', text), ending: 'send no more' }));
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...fixed) },
    { weight: 4, arbitrary: mangled },
    { weight: 1, arbitrary: noise },
    { weight: 3, arbitrary: inRow },
    { weight: 2, arbitrary: dripped },
    { weight: 1, arbitrary: halfClosed },
  );
}

/** Requests that never become whole: the client stops, sends no more, or hangs up. */
export function unfinishedExchanges(): Arbitrary<Exchange> {
  const good = fc.constantFrom([get()], [goodPost], [chunkedPost], [get('/health'), goodPost]);
  return fc
    .tuple(good, fc.nat(), fc.constantFrom<Exchange['ending']>('wait', 'send no more', 'hang up'))
    .map(([texts, at, ending]): Exchange => {
      const text = texts.join('');
      return {
        ...whole(`cut off, ${ending}`, text.slice(0, 1 + (at % text.length)), 0),
        requests: texts.map(firstRequest),
        ending,
      };
    });
}
