import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { createRequestLog, type RequestLine, renderRequestLine } from './request-log.ts';

const text = fc.string({ unit: 'binary' });
const line: fc.Arbitrary<RequestLine> = fc.record({
  req: fc.stringMatching(/^[\w-]{1,16}$/),
  trace: fc.option(fc.stringMatching(/^[0-9a-f]{32}$/)),
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'M-SEARCH'),
  url: text,
  status: fc.integer({ min: 100, max: 599 }),
  ms: fc.oneof(fc.double({ min: 0, max: 100_000, noNaN: true }), fc.constantFrom(0, 0.005, 1e-9, 1e21)),
  client: fc.option(text, { nil: undefined }),
  key: fc.option(text),
});

describe('the line of a request', () => {
  it('is what pino would write, whatever the request holds', () => {
    const time = '2026-01-15T14:30:00.000Z';
    fc.assert(
      fc.property(line, (given) => {
        let written = '';
        const log = pino(
          { base: null, timestamp: () => `,"time":"${time}"` },
          {
            write(chunk: string) {
              written += chunk;
            },
          },
        );
        const { trace, ms, client, key, ...rest } = given;
        log.info({ ...rest, ms: Math.round(ms * 100) / 100, trace: trace ?? undefined, client, key: key ?? undefined });
        const ours = renderRequestLine(time, given);
        expect(JSON.parse(ours)).toEqual(JSON.parse(written));
        expect(ours.indexOf('\n')).toBe(ours.length - 1);
      }),
    );
  });
});

describe('the log of requests', () => {
  const given: RequestLine = {
    req: 'a-1',
    trace: null,
    method: 'GET',
    url: '/items/1',
    status: 200,
    ms: 1,
    client: '127.0.0.1',
    key: null,
  };

  it('writes every line once and in order, many at a time', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (flushes) => {
        const written: string[] = [];
        const log = createRequestLog((chunk) => written.push(chunk));
        for (const [at, flush] of flushes.entries()) {
          log.write({ ...given, status: at });
          if (flush) log.flush();
        }
        log.flush();
        const lines = written.join('').split('\n').slice(0, -1);
        expect(lines.map((each) => (JSON.parse(each) as RequestLine).status)).toEqual([...flushes.keys()]);
        for (const chunk of written) expect(chunk.endsWith('\n')).toBe(true);
      }),
    );
  });

  it('does not keep a line for long', () => {
    vi.useFakeTimers();
    try {
      const written: string[] = [];
      const log = createRequestLog((chunk) => written.push(chunk));
      log.write(given);
      expect(written).toEqual([]);
      vi.advanceTimersByTime(100);
      expect(written).toHaveLength(1);
      log.flush();
      expect(written).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
