import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Archive, Backup } from '../../clients/pgbackrest.ts';
import { chooseSource, parseMoment, recoveryTarget } from './target.ts';

describe('a moment on the command line', () => {
  it.each([
    ['2025-01-15T14:30:00+00:00', '2025-01-15T14:30:00.000Z'],
    ['2025-01-15T14:30:00Z', '2025-01-15T14:30:00.000Z'],
    ['2025-01-15 14:30:00-03:00', '2025-01-15T17:30:00.000Z'],
    ['2025-01-15T14:30:07.25+0530', '2025-01-15T09:00:07.250Z'],
    ['2025-01-15T14:30+02', '2025-01-15T12:30:00.000Z'],
  ])('%s is understood', (text, wanted) => {
    expect(parseMoment(text).toISOString()).toBe(wanted);
  });

  it.each([
    ['2025-01-15T14:30:00', 'has no UTC offset'],
    ['2025-01-15', 'is not an ISO 8601 date and time'],
    ['yesterday', 'is not an ISO 8601 date and time'],
    ['2025-02-30T14:30:00Z', 'is not a valid date and time'],
    ['2025-01-15T24:01:00Z', 'is not a valid date and time'],
    ['2025-01-15T14:60:00Z', 'is not a valid date and time'],
  ])('%s is refused: it %s', (text, reason) => {
    expect(() => parseMoment(text)).toThrow(reason);
  });

  it('means the same whatever offset it is written with, and comes to PostgreSQL as it is meant', () => {
    const offset = fc.tuple(fc.constantFrom('+', '-'), fc.integer({ min: 0, max: 13 }), fc.constantFrom(0, 15, 30, 45));
    const moment = fc.date({ min: new Date('2000-01-01Z'), max: new Date('2099-01-01Z'), noInvalidDate: true });
    fc.assert(
      fc.property(moment, offset, (instant, [sign, hours, minutes]) => {
        const shift = (sign === '+' ? 1 : -1) * (hours * 60 + minutes) * 60_000;
        const local = new Date(instant.getTime() + shift).toISOString().replace('Z', '');
        const pad = (value: number) => `${value}`.padStart(2, '0');
        expect(parseMoment(`${local}${sign}${pad(hours)}:${pad(minutes)}`)).toEqual(instant);
        const said = recoveryTarget(instant);
        expect(said).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+00$/);
        expect(new Date(said.replace('+00', 'Z').replace(' ', 'T'))).toEqual(instant);
      }),
    );
  });
});

const minute = (value: number) => new Date(Date.UTC(2026, 0, 1, 0, value));
const backup = (label: string, stopped: number, timeline: number, lsn: string): Backup => {
  const segment = `${timeline}`.padStart(8, '0').padEnd(24, '0');
  return {
    label,
    type: 'full',
    startedAt: minute(stopped - 1),
    stoppedAt: minute(stopped),
    wal: { start: segment, stop: segment },
    lsn: { start: lsn, stop: lsn },
    sizeBytes: 1_000,
    repositoryDeltaBytes: 100,
    hasError: false,
  };
};
const archive = (backups: readonly Backup[], histories: Archive['histories'] = []): Archive => ({
  at: minute(100),
  repository: { key: 1, backups, archivedUpTo: null },
  histories,
});

describe('what a restore takes from a repository that is younger than the timeline', () => {
  // a passphrase was changed on timeline 2: the new generation begins with a full backup, and has no history of it
  const begun = archive([backup('A', 10, 2, '0/1000')]);

  it('is its backup, on the timeline of that', () => {
    expect(chooseSource(begun, minute(20))).toMatchObject({ backup: 'A', timeline: 2, hasHistory: false });
  });

  it('is that, too, behind a failover, whose history it has', () => {
    const text = '1\t0/500\tno recovery target specified\n2\t0/2000\tno recovery target specified\n';
    const later = archive(begun.repository.backups, [{ timeline: 3, storedAt: minute(30), text }]);
    expect(chooseSource(later, minute(20))).toMatchObject({ backup: 'A', timeline: 3, hasHistory: true });
    expect(chooseSource(later, minute(40))).toMatchObject({ backup: 'A', timeline: 3, hasHistory: true });
  });

  it('is what it had before a failover that it missed, and for moments behind the next backup that one', () => {
    const gap = archive([backup('A', 10, 1, '0/1000'), backup('B', 50, 2, '0/3000')]);
    expect(chooseSource(gap, minute(20))).toMatchObject({ backup: 'A', timeline: 1, hasHistory: true });
    expect(chooseSource(gap, minute(60))).toMatchObject({ backup: 'B', timeline: 2, hasHistory: false });
  });
});

describe('what a restore takes', () => {
  const two = archive([backup('A', 10, 1, '0/1000'), backup('B', 50, 1, '0/2000')]);

  it('is the newest backup that had ended', () => {
    expect(chooseSource(two, minute(60))).toMatchObject({ backup: 'B', timeline: 1 });
    expect(chooseSource(two, minute(50))).toMatchObject({ backup: 'A' });
    expect(chooseSource(two, new Date(minute(50).getTime() + 1_000))).toMatchObject({ backup: 'B' });
  });

  it('is nothing outside of the window, which is said', () => {
    const window = '2026-01-01T00:10:01Z to 2026-01-01T01:40:00Z';
    expect(() => chooseSource(two, minute(10))).toThrow(
      `is before the first backup; the recovery window of repository 1 is ${window}`,
    );
    expect(() => chooseSource(two, minute(101))).toThrow(
      `is in the future; the recovery window of repository 1 is ${window}`,
    );
    expect(() => chooseSource(archive([]), minute(1))).toThrow('repository 1 has no backup');
  });

  it('is never a backup of what an earlier restore left behind', () => {
    const histories = [{ timeline: 2, storedAt: minute(60), text: '1\t0/1800\tbefore 2026-01-01 00:30:00+00\n' }];
    const restored = archive(two.repository.backups, histories);
    expect(chooseSource(restored, minute(70))).toMatchObject({ backup: 'A', timeline: 2 });
    // what was there before that restore is still there
    expect(chooseSource(restored, minute(55))).toMatchObject({ backup: 'B', timeline: 1 });
    const onlyLate = archive([backup('B', 50, 1, '0/2000')], histories);
    expect(() => chooseSource(onlyLate, minute(70))).toThrow('belong to a timeline that an earlier restore abandoned');
  });
});
