import {
  classify,
  DeadlineError,
  FinalAnswerError,
  KeyInUseError,
  KeyReusedError,
  NoConnectionError,
  OutcomeUnknownError,
  QueueFullError,
  ReplicaBehindError,
  WrongRoleError,
} from '@pgha/db';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProblemKind } from './problem-kinds.ts';
import { Problem, problemResponses, toProblem } from './problems.ts';

const databaseError = (code: string, message = 'what the database said') =>
  Object.assign(new Error(message), { code, severity: 'ERROR' });
const at = (lsn: bigint) => ({ lsn, timeline: 1 });

const kinds: [ProblemKind, number, unknown][] = [
  ['busy', 503, new QueueFullError(10)],
  ['unavailable', 503, new DeadlineError(10)],
  ['outcome-unknown', 504, new OutcomeUnknownError(new Error('lost'))],
  ['key-in-use', 409, new KeyInUseError()],
  ['key-reused', 422, new KeyReusedError()],
  ['replica-behind', 503, new ReplicaBehindError(at(500n), at(400n))],
  ['unavailable', 503, new NoConnectionError(new Error('connect ECONNREFUSED'))],
  ['unavailable', 503, new WrongRoleError('a standby')],
  ['conflict', 409, databaseError('23505')],
  ['validation', 422, databaseError('23514')],
  ['validation', 422, databaseError('22021')],
  ['validation', 422, databaseError('22003')],
  ['unavailable', 503, databaseError('53100')],
  ['unavailable', 503, databaseError('53400')],
  ['internal', 500, databaseError('42P01')],
  ['internal', 500, new TypeError('undefined is not a function')],
];

describe('toProblem', () => {
  it.each(kinds.map(([kind, status, error]) => [kind, status, String(error), error] as const))(
    'says %s (%i) of %s',
    (kind, status, _, error) => {
      const problem = toProblem(error);
      expect([problem.kind, problem.status]).toEqual([kind, status]);
    },
  );

  it('says when to come back wherever waiting may help', () => {
    for (const [kind, status, error] of kinds) {
      const retryAfter = toProblem(error).headers['retry-after'];
      expect([kind, retryAfter]).toEqual([kind, status === 503 || kind === 'key-in-use' ? '1' : undefined]);
    }
  });

  it('never says "not applied" of an outcome that is unknown', () => {
    const { detail, status } = toProblem(new OutcomeUnknownError(new DeadlineError(1))).toBody('/items', 'r');
    expect(status).toBe(504);
    expect(detail).not.toMatch(/applied/);
  });

  it('says how far the replica is behind', () => {
    const problem = toProblem(new ReplicaBehindError(at(0x500n), at(0x400n)));
    expect(problem.headers['replica-lsn']).toBe('0/400;tl=1');
    expect(problem.toBody('/items', 'r').lag_bytes).toBe(0x100);
    expect(toProblem(new ReplicaBehindError(at(1n), at(2n))).toBody('/items', 'r').lag_bytes).toBe(0);
  });

  it('shows nothing of what the code or the database said, and the request id with every 5xx', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9A-Z]{5}$/), (code) => {
        const problem = toProblem(databaseError(code, 'relation "secrets" does not exist'));
        const body = JSON.stringify(problem.toBody('/items', 'request-7'));
        expect(body).not.toContain('secrets');
        expect(body.includes('request-7')).toBe(problem.status >= 500);
      }),
    );
    expect(JSON.stringify(toProblem(new Error('password=hunter2')).toBody('/', 'r'))).not.toContain('hunter2');
  });

  it('answers something for whatever is thrown', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const problem = toProblem(thrown);
        expect(problem.status).toBeGreaterThanOrEqual(400);
        expect(JSON.parse(JSON.stringify(problem.toBody('/', 'r'))).status).toBe(problem.status);
      }),
    );
  });

  it('names each field that is not valid, as a pointer into the body, the path or the query', () => {
    const error = Object.assign(new Error('body/name must NOT have fewer than 1 characters'), {
      validationContext: 'querystring',
      validation: [
        { keyword: 'minimum', instancePath: '/limit', message: 'must be >= 1', params: {}, schemaPath: '' },
        { keyword: 'additionalProperties', instancePath: '', params: { additionalProperty: 'a/b~c' }, schemaPath: '' },
      ],
    });
    const problem = toProblem(error);
    expect([problem.kind, problem.status]).toEqual(['validation', 422]);
    expect(problem.toBody('/items', 'r').errors).toEqual([
      { path: 'query/limit', message: 'must be >= 1' },
      { path: 'query/a~1b~0c', message: 'is not a known field' },
    ]);
    expect(toProblem(Object.assign(error, { validationContext: 'headers' })).status).toBe(400);
  });
});

describe('Problem', () => {
  it('is a verdict about the request: found inside a write it ends it, is not tried again and spoils no connection', () => {
    const problem = new Problem('not-found', 'Item 7 does not exist.');
    expect(problem).toBeInstanceOf(FinalAnswerError);
    expect(classify(problem)).toBe('rejected');
  });

  it('has the members of RFC 9457', () => {
    expect(new Problem('not-found', 'Item 7 does not exist.').toBody('/items/7', 'r')).toEqual({
      type: '/problems/not-found',
      title: 'Not found',
      status: 404,
      detail: 'Item 7 does not exist.',
      instance: '/items/7',
    });
  });
});

describe('problemResponses', () => {
  it('describes kinds of one status together', () => {
    const responses = problemResponses('busy', 'unavailable', 'not-found') as Record<number, { description: string }>;
    expect(Object.keys(responses)).toEqual(['404', '503']);
    expect(responses[503]?.description).toMatch(/busy.*unavailable/);
  });
});
