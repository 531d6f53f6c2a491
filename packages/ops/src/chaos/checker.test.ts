import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeVerdict, judge } from './checker.ts';
import type { History, Outcome, Write } from './history.ts';

const write = (key: string, outcome: Outcome, completedAtMs = 10): Write => ({
  key,
  client: 0,
  invokedAtMs: 0,
  completedAtMs,
  outcome,
  detail: '',
});
const history = (...writes: Write[]): History => ({ writes, reads: [] });
const members = (...contents: string[][]) => contents.map((keys, index) => ({ member: `pg-${index + 1}`, keys }));

describe('the checker', () => {
  it('accepts a history whose acknowledged writes are on every member once', () => {
    const verdict = judge(history(write('a', 'ok'), write('b', 'ok')), members(['a', 'b'], ['b', 'a']));
    expect(verdict).toMatchObject({ isValid: true, lost: [], duplicated: [], counts: { ok: 2 } });
  });

  it('accepts an unknown write that is there, and one that is not', () => {
    expect(judge(history(write('a', 'unknown'), write('b', 'unknown')), members(['a'])).isValid).toBe(true);
  });

  it('refuses a lost write, on the member that lacks it', () => {
    const verdict = judge(history(write('a', 'ok')), members(['a'], []));
    expect(verdict).toMatchObject({ isValid: false, lost: [{ member: 'pg-2', key: 'a' }], disagreeing: ['pg-2'] });
  });

  it('refuses a doubled row', () => {
    const verdict = judge(history(write('a', 'ok')), members(['a', 'a']));
    expect(verdict).toMatchObject({ isValid: false, duplicated: [{ member: 'pg-1', key: 'a' }] });
  });

  it('refuses a doubled row of an unknown write', () => {
    expect(judge(history(write('a', 'unknown')), members(['a', 'a'])).isValid).toBe(false);
  });

  it('refuses a row nobody wrote', () => {
    const verdict = judge(history(write('a', 'ok')), members(['a', 'z']));
    expect(verdict).toMatchObject({ isValid: false, invented: [{ member: 'pg-1', key: 'z' }] });
  });

  it('judges the members that could be read, and names the others with the reason', () => {
    const missing = [{ member: 'pg-3', why: 'pg-3 is not running' }];
    const verdict = judge(history(write('a', 'ok')), members(['a'], ['a']), missing);
    expect(verdict).toMatchObject({ isValid: true, missing });
    expect(describeVerdict(verdict).split('\n')[1]).toBe('not checked: pg-3 could not be read: pg-3 is not running');
    expect(judge(history(write('a', 'ok')), members(['a'], []), missing).isValid).toBe(false);
    expect(judge(history(), [], missing).isValid).toBe(false);
  });

  it('refuses a row whose client was told that it was not applied', () => {
    const verdict = judge(history(write('a', 'fail')), members(['a']));
    expect(verdict).toMatchObject({ isValid: false, denied: [{ member: 'pg-1', key: 'a' }] });
  });

  it('refuses an acknowledgement from before its request', () => {
    const skewed = { ...write('a', 'ok'), invokedAtMs: 20, completedAtMs: 10 };
    expect(judge(history(skewed), members(['a']))).toMatchObject({ isValid: false, impossible: ['a'] });
  });

  it('refuses a key that two writes used, which would hide a lost one', () => {
    expect(judge(history(write('a', 'ok'), write('a', 'ok')), members(['a'])).isValid).toBe(false);
  });

  it('proves nothing without a member', () => {
    expect(judge(history(write('a', 'ok')), []).isValid).toBe(false);
  });

  it('measures the longest time without an acknowledgement', () => {
    const writes = [write('a', 'ok', 100), write('d', 'ok', 5_300), write('b', 'ok', 300), write('c', 'fail', 2_000)];
    expect(judge(history(...writes), members(['a', 'b', 'd'])).longestGap).toEqual({ lengthMs: 5_000, beganAtMs: 300 });
  });

  it('says what it saw in one line', () => {
    const verdict = judge(history(write('a', 'ok', 100), write('b', 'ok', 1_350)), members(['a']));
    expect(describeVerdict(verdict)).toBe(
      'gap 1.25 s, 2 writes acknowledged, 0 refused, 0 unknown, 1 lost, 0 duplicates, 0 of 0 reads failed',
    );
  });

  it('finds any single acknowledged write taken away from any member', () => {
    const outcomes = fc.array(fc.constantFrom<Outcome>('ok', 'fail', 'unknown'), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(outcomes, fc.nat(), fc.nat(2), (list, which, member) => {
        const writes = list.map((outcome, index) => write(`${index}`, outcome));
        const kept = writes.filter(({ outcome }) => outcome !== 'fail').map(({ key }) => key);
        const contents = [[...kept], [...kept], [...kept]];
        expect(judge(history(...writes), members(...contents)).isValid).toBe(true);
        const acknowledged = writes.filter(({ outcome }) => outcome === 'ok');
        const victim = acknowledged[which % Math.max(1, acknowledged.length)];
        if (victim === undefined) return;
        contents[member] = kept.filter((key) => key !== victim.key);
        expect(judge(history(...writes), members(...contents)).lost).toEqual([
          { member: `pg-${member + 1}`, key: victim.key },
        ]);
      }),
    );
  });
});
