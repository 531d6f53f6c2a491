import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInPastOf, lsnOf, newestBehind, parseHistory, type Timeline, timelineAt } from './timelines.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
const history = (number: number, storedAt: Date, ...lines: string[]) =>
  parseHistory(number, storedAt, lines.map((line) => `${line}\n`).join('\n'));

describe('a history file', () => {
  it('is read as PostgreSQL writes it, with the reason of a recovery to a moment', () => {
    const text =
      '1\t0/5000028\tno recovery target specified\n\n2\t0/6FF1000\tbefore 2026-01-01 00:10:00.5+00\n\n3\t1/0\tafter LSN 1/0\n';
    expect(parseHistory(4, at(20), text)).toEqual({
      number: 4,
      storedAt: at(20),
      branches: [
        { timeline: 1, lsn: '0/5000028', leftOutAt: null },
        { timeline: 2, lsn: '0/6FF1000', leftOutAt: new Date('2026-01-01T00:10:00.5Z') },
        { timeline: 3, lsn: '1/0', leftOutAt: null },
      ],
    });
  });

  it('that is damaged is not taken for a short one', () => {
    expect(() => parseHistory(3, at(1), '1\t0/5000028\tok\nrubbish\n')).toThrow('"rubbish"');
  });
});

describe('the newest timeline, as a recovery sees it', () => {
  it.each([
    ['the target itself, when nothing is known of later ones', 2, [], 2],
    ['the last one in a row', 1, [2, 3], 3],
    ['the one before the first whose history is not there', 2, [2, 4], 2],
  ])('is %s', (_which, target, timelines, newest) => {
    expect(
      newestBehind(
        target,
        timelines.map((timeline) => ({ timeline })),
      ),
    ).toBe(newest);
  });
});

describe('the timeline of a moment', () => {
  it('is the first while there is no other one', () => {
    expect(timelineAt([], at(5))).toBe(1);
  });

  it('is the newest one behind failovers, for moments long before them too', () => {
    const timelines = [
      history(2, at(10), '1\t0/500\tno recovery target specified'),
      history(3, at(20), '1\t0/500\tno recovery target specified', '2\t0/600\tno recovery target specified'),
    ];
    for (const minute of [1, 10, 15, 25]) expect(timelineAt(timelines, at(minute))).toBe(3);
  });

  // at 60 somebody went back to 30; a failover at 50 is on the abandoned branch
  const restored = [
    history(2, at(50), '1\t0/500\tno recovery target specified'),
    history(3, at(60), '1\t0/300\tbefore 2026-01-01 00:30:02+00'),
  ];

  it('is the branch that a restore left for what was there between its target and itself', () => {
    expect(timelineAt(restored, at(20))).toBe(3);
    expect(timelineAt(restored, at(40))).toBe(2);
    expect(timelineAt(restored, at(55))).toBe(2);
    expect(timelineAt(restored, at(60))).toBe(3);
    expect(timelineAt(restored, at(90))).toBe(3);
  });

  it('is found through a restore of a restore', () => {
    const again = [
      ...restored,
      history(4, at(90), '1\t0/300\tbefore 2026-01-01 00:30:02+00', '3\t0/400\tbefore 2026-01-01 01:10:00+00'),
    ];
    expect(timelineAt(again, at(80))).toBe(3);
    expect(timelineAt(again, at(40))).toBe(2);
    expect(timelineAt(again, at(65))).toBe(4);
    expect(timelineAt(again, at(95))).toBe(4);
  });

  it('is always the one that was living, however often somebody restored', () => {
    // a cluster that lives through random failovers and restores, at one event a minute
    const event = fc.record({ kind: fc.constantFrom('failover', 'restore'), back: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const living: { from: number; timeline: Timeline }[] = [
          { from: 0, timeline: { number: 1, storedAt: at(0), branches: [] } },
        ];
        events.forEach(({ kind, back }, index) => {
          const minute = (index + 1) * 10;
          const current = living.at(-1)?.timeline;
          const target = Math.max(0, minute - back);
          const origin = living.findLast(({ from }) => from <= target)?.timeline;
          const [parent, leftOutAt] =
            kind === 'failover' ? [current, null] : [origin, new Date(at(target).getTime() + 5_000)];
          if (parent === undefined) return;
          const branches = [...parent.branches, { timeline: parent.number, lsn: `0/${minute}`, leftOutAt }];
          living.push({ from: minute, timeline: { number: index + 2, storedAt: at(minute), branches } });
        });
        const archive = living.slice(1).map(({ timeline }) => timeline);
        for (const [index, { from }] of living.entries()) {
          const until = living[index + 1]?.from ?? from + 10;
          const found = timelineAt(archive, at((from + until) / 2));
          const wanted = living[index]?.timeline.number ?? 0;
          // a later one is as good when it was left behind that moment only by failovers
          const chosen = archive.find(({ number }) => number === found);
          const passed = chosen?.branches.slice(chosen.branches.findIndex(({ timeline }) => timeline === wanted)) ?? [];
          const isSame = found === wanted;
          const contains = chosen?.branches.some(({ timeline }) => timeline === wanted) === true;
          const isBehind = passed.every(({ leftOutAt }) => leftOutAt === null || leftOutAt > at((from + until) / 2));
          expect(isSame || (contains && isBehind)).toBe(true);
        }
      }),
    );
  });
});

describe('the past of a timeline', () => {
  const timelines = [
    history(2, at(10), '1\t0/5000000\tno recovery target specified'),
    history(3, at(20), '1\t0/3000000\tbefore 2026-01-01 00:05:00+00'),
  ];

  it('contains its parents up to where they were left', () => {
    expect(isInPastOf(timelines, 2, { timeline: 1, lsn: '0/4000000' })).toBe(true);
    expect(isInPastOf(timelines, 3, { timeline: 1, lsn: '0/4000000' })).toBe(false);
    expect(isInPastOf(timelines, 3, { timeline: 2, lsn: '0/2000000' })).toBe(false);
    expect(isInPastOf(timelines, 3, { timeline: 3, lsn: 'FF/0' })).toBe(true);
  });

  it('compares positions as numbers', () => {
    expect(lsnOf('1/0')).toBeGreaterThan(lsnOf('0/FFFFFFFF'));
    expect(lsnOf('A/10')).toBeGreaterThan(lsnOf('A/F'));
  });
});
