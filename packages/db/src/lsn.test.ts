import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatLsn, hasReached, type LsnToken, parseLsn } from './lsn.ts';

const lsn = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const timeline = fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 }));
const token: fc.Arbitrary<LsnToken> = fc.record({ lsn, timeline });

describe('parseLsn and formatLsn', () => {
  it('are inverses', () => {
    fc.assert(
      fc.property(token, (each) => {
        expect(parseLsn(formatLsn(each))).toEqual(each);
      }),
    );
  });

  it('read what PostgreSQL prints, in either case', () => {
    expect(parseLsn('0/3000148')).toEqual({ lsn: 0x3000148n, timeline: null });
    expect(parseLsn('16/B374D848;tl=3')).toEqual({ lsn: 0x16_b374_d848n, timeline: 3 });
    expect(parseLsn('16/b374d848')).toEqual(parseLsn('16/B374D848'));
    expect(formatLsn({ lsn: 0x16_b374_d848n, timeline: 3 })).toBe('16/B374D848;tl=3');
    expect(formatLsn({ lsn: 0n, timeline: null })).toBe('0/0');
  });

  it.each([
    '',
    '0',
    '/',
    '0/',
    '/0',
    '0/G',
    '-1/0',
    '0/3000148 ',
    ' 0/3000148',
    '0/3000148\n',
    '123456789/0',
    '0/123456789',
    '0x1/0',
    '0/0;tl=0',
    '0/0;tl=',
    '0/0;tl=01',
    '0/0;tl=-1',
    '0/0;tl=4294967296',
    '0/0;TL=1',
    '0/0;tl=1;tl=2',
    '٠/٠',
  ])('refuse %j', (text) => {
    expect(parseLsn(text)).toBeNull();
  });

  it('never throw, whatever a client sends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const parsed = parseLsn(text);
        if (parsed !== null) expect(parseLsn(formatLsn(parsed))).toEqual(parsed);
      }),
    );
  });
});

describe('hasReached', () => {
  it('compares positions as numbers where the timelines are the same or unknown', () => {
    fc.assert(
      fc.property(lsn, lsn, timeline, timeline, (reached, wanted, one, other) => {
        const sameOrUnknown = one === null || other === null || one === other;
        fc.pre(sameOrUnknown);
        expect(hasReached({ lsn: reached, timeline: one }, { lsn: wanted, timeline: other })).toBe(reached >= wanted);
      }),
    );
    expect(hasReached({ lsn: 0x1_0000_0000n, timeline: 1 }, { lsn: 0xffff_ffffn, timeline: 1 })).toBe(true);
  });

  it('never finds a server on an older timeline far enough', () => {
    fc.assert(
      fc.property(
        lsn,
        lsn,
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 1_000 }),
        (a, b, tl, ahead) => {
          expect(hasReached({ lsn: a, timeline: tl }, { lsn: b, timeline: tl + ahead })).toBe(false);
        },
      ),
    );
  });

  it('goes by the position on a newer timeline, which has every acknowledged commit of the older one', () => {
    fc.assert(
      fc.property(
        lsn,
        lsn,
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 1_000 }),
        (a, b, tl, ahead) => {
          expect(hasReached({ lsn: a, timeline: tl + ahead }, { lsn: b, timeline: tl })).toBe(a >= b);
        },
      ),
    );
  });

  it('stays true as a server goes on', () => {
    fc.assert(
      fc.property(token, token, fc.bigInt({ min: 0n, max: 2n ** 32n }), (reached, wanted, further) => {
        fc.pre(hasReached(reached, wanted));
        expect(hasReached({ ...reached, lsn: reached.lsn + further }, wanted)).toBe(true);
      }),
    );
  });
});
