import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeadlineError, type Gate, QueueFullError } from './gate.ts';
import { type DbObserver, silentObserver } from './observer.ts';
import { FinalAnswerError, NoConnectionError, WrongRoleError } from './outcome.ts';
import { type Attempt, OutcomeUnknownError, ride } from './ride.ts';

const databaseError = (code: string) => Object.assign(new Error(code), { code, severity: 'ERROR' });

/** One error of every outcome, and a verdict. */
const failures = {
  'never-ran': () => new NoConnectionError(new Error('connect ECONNREFUSED')),
  refused: () => new WrongRoleError('a standby'),
  'rolled-back': () => databaseError('40001'),
  'session-lost': () => databaseError('26000'),
  unknown: () => new Error('Connection terminated unexpectedly'),
  rejected: () => databaseError('23514'),
  verdict: () => new FinalAnswerError('there is no such item'),
};
type Failure = keyof typeof failures;
const shutsGate = new Set<Failure>(['never-ran', 'refused', 'unknown']);
const isFinal = (failure: Failure) => failure === 'rejected' || failure === 'verdict';

/** A gate whose server is back at once, unless `outcome` says what its waiters meet. */
function fakeGate(outcome: () => Error | null = () => null) {
  let open = true;
  let shuts = 0;
  const gate: Gate = {
    async pass() {
      const error = outcome();
      if (error) throw error;
      open = true;
    },
    admit: (work) => work(),
    shut() {
      open = false;
      shuts += 1;
    },
    isOpen: () => open,
    waiting: () => 0,
    close() {},
  };
  return { gate, shuts: () => shuts };
}

const far = () => Date.now() + 60_000;

describe('ride', () => {
  it('answers a success as it is, and notes nothing', async () => {
    const observer = failingObserver();
    expect(await ride({ kind: 'write', gate: fakeGate().gate, observer }, far(), async () => 'done')).toBe('done');
  });

  it('shuts the gate for what a failover explains, and not for what one statement explains', async () => {
    for (const failure of Object.keys(failures) as Failure[]) {
      const { gate, shuts } = fakeGate();
      let attempts = 0;
      const riding = ride({ kind: 'read', gate, observer: silentObserver }, far(), async () => {
        attempts += 1;
        if (attempts === 1) throw failures[failure]();
        return 'done';
      });
      await (isFinal(failure) ? expect(riding).rejects.toThrow() : expect(riding).resolves.toBe('done'));
      expect([failure, shuts()]).toEqual([failure, shutsGate.has(failure) ? 1 : 0]);
    }
  });

  it('gives up at the deadline with the last error as the cause', async () => {
    const last = databaseError('40P01');
    const riding = ride({ kind: 'write', gate: fakeGate().gate, observer: silentObserver }, Date.now() + 30, async () =>
      Promise.reject(last),
    );
    const error: unknown = await riding.catch((each: unknown) => each);
    expect(error).toBeInstanceOf(DeadlineError);
    expect((error as Error).cause).toBe(last);
  });

  it('counts a write given up without knowing, and how long writes were held', async () => {
    const counted = { unknown: 0, held: 0 };
    const observer: DbObserver = {
      ...silentObserver,
      writeOutcomeUnknown: () => (counted.unknown += 1),
      writeHold: () => (counted.held += 1),
    };
    const { gate } = fakeGate(() => new DeadlineError(1));
    const riding = ride({ kind: 'write', gate, observer }, far(), async () => Promise.reject(failures.unknown()));
    await expect(riding).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(counted).toEqual({ unknown: 1, held: 1 });
  });

  it('keeps its promises over every sequence of failures, whatever the gate does', async () => {
    const failure = fc.constantFrom(...(Object.keys(failures) as Failure[]));
    const atGate = fc.constantFrom(
      'passes' as const,
      'passes' as const,
      'passes' as const,
      'deadline' as const,
      'full' as const,
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('read' as const, 'write' as const),
        fc.array(fc.tuple(failure, atGate), { maxLength: 5 }),
        async (kind, script) => {
          let attempts = 0;
          const seen: boolean[] = [];
          const { gate } = fakeGate(() => {
            const what = script[attempts - 1]?.[1];
            if (what === 'deadline') return new DeadlineError(1);
            return what === 'full' ? new QueueFullError(1) : null;
          });
          const attempt = async ({ maybeApplied }: Attempt) => {
            seen.push(maybeApplied);
            const failed = script[attempts]?.[0];
            attempts += 1;
            if (failed) throw failures[failed]();
            return 'done';
          };
          const answer = await ride({ kind, gate, observer: silentObserver }, far(), attempt).then(
            (value) => ({ value, error: null }),
            (error: unknown) => ({ value: null, error }),
          );

          const made = script.slice(0, attempts).map(([each]) => each);
          const wasUnknown = (upTo: number) => kind === 'write' && made.slice(0, upTo).includes('unknown');
          // every attempt was told whether an earlier one may have been applied
          expect(seen).toEqual(seen.map((_, index) => wasUnknown(index)));
          // nothing is attempted after a final answer
          expect(made.slice(0, -1).some(isFinal)).toBe(false);
          const last = attempts > script.length ? null : made.at(-1);
          if (answer.error === null) {
            expect([answer.value, last]).toEqual(['done', null]);
          } else if (last === 'verdict') {
            expect(answer.error).toBeInstanceOf(FinalAnswerError);
            expect(answer.error).not.toBeInstanceOf(OutcomeUnknownError);
          } else if (wasUnknown(attempts)) {
            // never told that it was not applied
            expect(answer.error).toBeInstanceOf(OutcomeUnknownError);
          } else if (last === 'rejected') {
            expect(answer.error).toMatchObject({ code: '23514' });
          } else {
            const ended = script[attempts - 1]?.[1];
            expect(answer.error).toBeInstanceOf(ended === 'full' ? QueueFullError : DeadlineError);
          }
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});

function failingObserver(): DbObserver {
  const fail = () => {
    throw new Error('there was nothing to note');
  };
  return {
    poolWait: fail,
    query: fail,
    retry: fail,
    writeHold: fail,
    writeOutcomeUnknown: fail,
    connectionsSilent: fail,
    replicaWait: fail,
  };
}
