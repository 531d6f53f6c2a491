import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  classify,
  FinalAnswerError,
  isDatabaseError,
  NoConnectionError,
  type Outcome,
  SynchronousWaitCancelledError,
  spoilsConnection,
  WrongRoleError,
} from './outcome.ts';

/** As node-postgres builds what the server sent. */
function databaseError(code: string, severity = 'ERROR'): Error {
  return Object.assign(new Error(`the server said ${code}`), { code, severity });
}

/** PostgreSQL 17, appendix A, by what each says of the statement that met it. */
const statesByOutcome: Record<Exclude<Outcome, 'rejected'>, string[]> = {
  'never-ran': ['57P03', '08001', '08004', '53300'],
  refused: ['25006'],
  'rolled-back': ['40001', '40P01', '55P03', '57014'],
  'session-lost': ['26000', '42P05', '0A000'],
  unknown: ['57P01', '57P02', '57P05', '08000', '08003', '08006', '08007', '40003'],
};
const named = new Set(Object.values(statesByOutcome).flat());
const anyState = fc.stringMatching(/^[0-9A-Z]{5}$/);
const unnamedState = anyState.filter((state) => !named.has(state));

describe('classify', () => {
  it.each(Object.entries(statesByOutcome).flatMap(([outcome, states]) => states.map((state) => [state, outcome])))(
    'takes SQLSTATE %s as %s',
    (state, outcome) => {
      expect(classify(databaseError(state))).toBe(outcome);
    },
  );

  it('takes every other error of a statement as rejected', () => {
    fc.assert(
      fc.property(unnamedState, (state) => {
        expect(classify(databaseError(state))).toBe('rejected');
      }),
    );
  });

  it('takes every other error that ends the session as unknown: a pooler that lost its server sends one', () => {
    fc.assert(
      fc.property(unnamedState, fc.constantFrom('FATAL', 'PANIC'), (state, severity) => {
        expect(classify(databaseError(state, severity))).toBe('unknown');
      }),
    );
  });

  it('takes a connection that could not be had as never run, whatever the cause says', () => {
    for (const cause of [new Error('timeout exceeded when trying to connect'), databaseError('57P01', 'FATAL'), 'x']) {
      expect(classify(new NoConnectionError(cause))).toBe('never-ran');
    }
  });

  it('takes a server in another role as refused, and a cancelled wait for the standby as unknown', () => {
    expect(classify(new WrongRoleError('a standby'))).toBe('refused');
    expect(classify(new SynchronousWaitCancelledError())).toBe('unknown');
  });

  it('takes a verdict about the request as rejected, subclasses too', () => {
    class Verdict extends FinalAnswerError {}
    expect(classify(new FinalAnswerError('no'))).toBe('rejected');
    expect(classify(new Verdict('no'))).toBe('rejected');
  });

  it.each(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'])(
    'takes %s on an established connection as unknown',
    (code) => {
      expect(classify(Object.assign(new Error(code), { code, errno: -1, syscall: 'read' }))).toBe('unknown');
    },
  );

  it('takes anything it does not recognise as unknown', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        expect(classify(thrown)).toBe('unknown');
      }),
    );
    for (const text of ['Connection terminated unexpectedly', 'Query read timeout', 'constructor']) {
      expect(classify(new Error(text))).toBe('unknown');
    }
  });
});

describe('isDatabaseError', () => {
  it('wants a severity beside a five-character code', () => {
    expect(isDatabaseError(databaseError('23505'))).toBe(true);
    // a system error whose name happens to have five characters
    expect(isDatabaseError(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))).toBe(false);
    expect(isDatabaseError({ code: '23505', severity: 'ERROR' })).toBe(false);
  });
});

describe('spoilsConnection', () => {
  it('keeps the connection after an error that left the session as it was', () => {
    for (const error of [databaseError('23505'), databaseError('40001'), new FinalAnswerError('no such item')]) {
      expect(spoilsConnection(error)).toBe(false);
    }
  });

  it('drops it after any error that ended the session', () => {
    fc.assert(
      fc.property(anyState, fc.constantFrom('FATAL', 'PANIC'), (state, severity) => {
        expect(spoilsConnection(databaseError(state, severity))).toBe(true);
      }),
    );
  });

  it('drops it when the server is another, forgot the session, or went silent', () => {
    for (const error of [
      databaseError('25006'),
      databaseError('26000'),
      databaseError('57P01'),
      new Error('Query read timeout'),
      new SynchronousWaitCancelledError(),
    ]) {
      expect(spoilsConnection(error)).toBe(true);
    }
  });
});
