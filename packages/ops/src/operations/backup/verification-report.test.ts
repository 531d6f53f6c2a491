import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHistory } from '../restore/timelines.ts';
import { parseVerification } from './verification-report.ts';

const shape = { timelines: [], neededFrom: '000000010000000000000001', segmentBytes: 16 * 1024 ** 2 };
const segment = (timeline: number, number: number) =>
  [timeline, Math.floor(number / 256), number % 256]
    .map((part) => part.toString(16).toUpperCase().padStart(8, '0'))
    .join('');
const stretch = (timeline: number, first: number, last: number) =>
  `P00 DETAIL: archiveId: 17-1, wal start: ${segment(timeline, first)}, wal stop: ${segment(timeline, last)}`;

/** As pgBackRest 2.55.1 says it with --output=text --verbose --log-level-console=detail --log-timestamp=n. */
const report = (lines: readonly string[], status = 'ok') => `${lines.join('\n')}
P00   INFO: stanza: pgha
            status: ${status}
              archiveId: 17-1, total WAL checked: 30, total valid WAL: 29
                missing: 0, checksum invalid: 0, size invalid: 0, other: 1
              backup: 20261125-193742F, status: valid, total files checked: 1272, total valid files: 1272
                missing: 0, checksum invalid: 0, size invalid: 0, other: 0
P00   INFO: verify command end: completed successfully (7339ms)
`;

describe('what pgBackRest says of a repository', () => {
  it('is nothing wrong where nothing is', () => {
    expect(parseVerification(report([stretch(1, 1, 29)]), shape)).toEqual({
      segments: 30,
      backups: ['20261125-193742F'],
      damages: [],
    });
  });

  it('names what is damaged, and each once', () => {
    const text = report(
      [
        'P01   INFO: invalid result 17-1/0000000100000000/00000001000000000000000F-30d17.zst: [29] raised from local-1 protocol: zst error: [-20] Data corruption detected',
        "P01   INFO: file missing '20261125-193742F/bundle/2'",
        "P01   INFO: invalid checksum '20261125-193742F/bundle/1'",
        "P01   INFO: file missing '20261125-193742F/bundle/2'",
        stretch(1, 1, 29),
      ],
      'error',
    );
    expect(parseVerification(text, shape).damages).toEqual([
      {
        object: '17-1/0000000100000000/00000001000000000000000F-30d17.zst',
        problem: 'zst error: [-20] Data corruption detected',
      },
      { object: '20261125-193742F/bundle/2', problem: 'file missing' },
      { object: '20261125-193742F/bundle/1', problem: 'invalid checksum' },
    ]);
  });

  it('says of a backup that is gone altogether that its manifest is missing', () => {
    const text = report([stretch(1, 1, 29)]).replace(
      'status: valid, total files',
      'status: manifest missing, total files',
    );
    expect(parseVerification(text, shape).damages).toEqual([
      { object: 'backup 20261125-193742F', problem: 'manifest missing' },
    ]);
  });

  it('is not taken for good when pgBackRest did not come to its end', () => {
    expect(() => parseVerification('ERROR: [055]: unable to load info file', shape)).toThrow(
      'unable to load info file',
    );
    expect(() => parseVerification('', shape)).toThrow('no output');
  });

  it('shows WAL that is missing between two stretches, which pgBackRest calls no error', () => {
    const text = report([stretch(1, 1, 254), stretch(1, 257, 300)]);
    expect(parseVerification(text, shape).damages).toEqual([
      { object: `${segment(1, 255)} to ${segment(1, 256)}`, problem: 'missing from the archive' },
    ]);
  });

  it('finds every single segment that is taken away, and nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 600 }), fc.integer({ min: 0, max: 598 }), (last, wanted) => {
        const lost = Math.min(wanted + 2, last - 1);
        if (lost < 2) return;
        const text = report([stretch(1, 1, lost - 1), stretch(1, lost + 1, last)]);
        expect(parseVerification(text, shape).damages.map(({ object }) => object)).toEqual([segment(1, lost)]);
      }),
    );
  });

  describe('with several timelines', () => {
    const at = new Date(0);
    // the second left the first in segment 5, the third the first in segment 3
    const timelines = [
      parseHistory(2, at, '1\t0/5000028\tno recovery target specified\n'),
      parseHistory(3, at, '1\t0/3000028\tbefore 2026-01-01 00:00:00+00\n'),
    ];
    const damages = (...lines: readonly string[]) =>
      parseVerification(report(lines), { ...shape, timelines }).damages.map(({ object }) => object);

    it('is whole when each begins where it left its parent', () => {
      expect(damages(stretch(1, 1, 5), stretch(2, 5, 9), stretch(3, 3, 4))).toEqual([]);
      // of the parent only a part of that segment was ever there
      expect(damages(stretch(1, 1, 4), stretch(2, 5, 9))).toEqual([]);
    });

    it('lacks the end of a parent, or its own beginning', () => {
      expect(damages(stretch(1, 1, 3), stretch(2, 5, 9))).toEqual([segment(1, 4)]);
      expect(damages(stretch(1, 1, 5), stretch(2, 7, 9))).toEqual([`${segment(2, 5)} to ${segment(2, 6)}`]);
    });

    it('lacks a history file', () => {
      const text = report([stretch(1, 1, 5), stretch(2, 5, 9)]);
      expect(parseVerification(text, shape).damages.map(({ object }) => object)).toEqual(['00000002.history']);
    });

    it('needs no history of the timeline that its first backup was taken on', () => {
      const text = report([stretch(2, 5, 9)]);
      expect(parseVerification(text, { ...shape, neededFrom: segment(2, 5) }).damages).toEqual([]);
      expect(parseVerification(text, { ...shape, neededFrom: segment(2, 4) }).damages).toMatchObject([
        { object: segment(2, 4) },
      ]);
    });

    it('need not have what is older than the oldest backup', () => {
      const text = report([stretch(2, 8, 9)]);
      expect(parseVerification(text, { ...shape, timelines, neededFrom: segment(2, 8) }).damages).toEqual([]);
      expect(parseVerification(text, { ...shape, timelines, neededFrom: segment(2, 7) }).damages).toHaveLength(1);
    });
  });
});
