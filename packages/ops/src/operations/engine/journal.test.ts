import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, beginJournal, createJournal, IllegalTransitionError, type JournalEvent } from './journal.ts';

const choose = (choices: Record<string, string> = {}): JournalEvent => ({ kind: 'choose', choices });
const start = (step = 'a'): JournalEvent => ({ kind: 'start', step });
const finish = (step = 'a'): JournalEvent => ({ kind: 'finish', step });
const fail = (step = 'a'): JournalEvent => ({ kind: 'fail', step });
const keep = (key: string, value: string): JournalEvent => ({ kind: 'keep', key, value });
const end: JournalEvent = { kind: 'end' };
const abandon: JournalEvent = { kind: 'abandon' };

const after = (events: readonly JournalEvent[], found: Record<string, string> | null = null) =>
  events.reduce(advance, beginJournal(found));

describe('the journal of an operation', () => {
  it('goes from choices through steps, one at a time, to the end', () => {
    const whole = after([choose({ to: 'pg-2' }), start(), keep('led', '2'), finish(), start('b'), finish('b'), end]);
    expect(whole).toMatchObject({ phase: 'ended', entries: { to: 'pg-2', led: '2' } });
  });

  it.each<[string, JournalEvent[], string]>([
    ['a step before the choices', [start()], 'a step starts after the choices'],
    ['a second step at once', [choose(), start(), start('b')], 'after the step before it'],
    ['the end of another step', [choose(), start(), finish('b')], '"b" is not running'],
    ['a choice during a step', [choose(), start(), choose({ to: 'pg-3' })], 'between steps only'],
    ['another choice of the same', [choose({ to: 'pg-2' }), choose({ to: 'pg-3' })], '"to" was decided before'],
    ['another value of the same', [choose(), start(), keep('led', '2'), keep('led', '3')], '"led" was decided before'],
    ['a value before the choices', [keep('led', '2')], 'only a planned operation'],
    ['the end during a step', [choose(), start(), end], 'after its last step'],
    ['the end of nothing', [end], 'after its last step'],
    ['a step behind one that failed', [choose(), start(), fail(), start('b')], 'after the step before it'],
    ['the end of one that failed', [choose(), start(), fail(), end], 'after its last step'],
    ['anything behind the end', [choose(), end, start()], 'the operation has ended'],
  ])('refuses %s', (_what, events, why) => {
    expect(() => after(events)).toThrow(IllegalTransitionError);
    expect(() => after(events)).toThrow(why);
  });

  it('is abandoned after a refusal only where no earlier run may have changed something', () => {
    expect(after([choose({ to: 'pg-2' }), start(), fail(), abandon]).phase).toBe('ended');
    expect(() => after([abandon], { to: 'pg-2' })).toThrow('may have changed something');
  });

  const anyEvent: fc.Arbitrary<JournalEvent> = fc.oneof(
    fc.dictionary(fc.constantFrom('to', 'epoch'), fc.constantFrom('1', '2')).map((choices) => choose(choices)),
    fc.tuple(fc.constantFrom('to', 'led'), fc.constantFrom('1', '2')).map(([key, value]) => keep(key, value)),
    fc.constantFrom(start('a'), start('b'), finish('a'), finish('b'), fail('a'), fail('b'), end, abandon),
  );

  it('never changes an entry, never loses one, and never goes on behind its end, whatever is appended', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 30 }), fc.boolean(), async (events, isResumed) => {
        const written: Record<string, string>[] = [];
        const first = beginJournal(isResumed ? { to: '1' } : null);
        const journal = createJournal(first, async (entries) => void written.push({ ...entries }));
        let isRunning = false;
        let hasEnded = false;
        let hasChosen = false;
        for (const event of events) {
          const before = journal.entries();
          const isLegal = await journal.append(event).then(
            () => true,
            (error: unknown) => {
              expect(error).toBeInstanceOf(IllegalTransitionError);
              return false;
            },
          );
          expect(journal.entries()).toMatchObject(before);
          if (!isLegal) {
            expect(journal.entries()).toEqual(before);
            continue;
          }
          expect(hasEnded).toBe(false);
          if (event.kind === 'start') expect([hasChosen, isRunning]).toEqual([true, false]);
          if (event.kind === 'finish' || event.kind === 'end') expect(isRunning).toBe(event.kind === 'finish');
          isRunning = event.kind === 'start' || (isRunning && event.kind === 'keep');
          hasChosen ||= event.kind === 'choose';
          hasEnded = event.kind === 'end' || event.kind === 'abandon';
        }
        // what is stored is what counts: an interrupted run finds every entry
        if (written.length > 0) expect(written.at(-1)).toEqual(journal.entries());
      }),
    );
  });
});
