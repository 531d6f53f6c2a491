import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeFailover, parseStoredState } from './failover.ts';

const stored = (standbys: string, quorum: number, optime = 0x3000000) =>
  parseStoredState(JSON.stringify({ leader: 'a', sync_standby: standbys, quorum }), JSON.stringify({ optime }));
const riskOf = (view: ReturnType<typeof judgeFailover>, name: string) =>
  view.candidates.find((each) => each.name === name)?.risk;

describe('what a failover could lose', () => {
  it('is nothing with the synchronous standby of two nodes', () => {
    const view = judgeFailover(stored('b', 0), [{ name: 'b', lsn: '0/2FFFFFF' }], []);
    expect(view).toMatchObject({ lostPrimary: 'a', lastKnownLsn: '0/3000000' });
    expect(view.candidates[0]).toMatchObject({ behindBytes: 1, isSynchronous: true, risk: null });
  });

  it('is nothing with the farthest of a quorum when every other standby can be asked', () => {
    const seen = [
      { name: 'b', lsn: '0/3000100' },
      { name: 'c', lsn: '0/3000000' },
    ];
    const view = judgeFailover(stored('b,c', 1), seen, []);
    expect(riskOf(view, 'b')).toBeNull();
    expect(riskOf(view, 'c')).toBe('b received more than it did');
  });

  it('is not known when one that may have confirmed alone is silent', () => {
    const seen = [
      { name: 'b', lsn: '0/3000100' },
      { name: 'c', lsn: null },
    ];
    const view = judgeFailover(stored('b,c', 1), seen, []);
    expect(riskOf(view, 'b')).toBe('c may have confirmed commits that it lacks, and cannot be asked');
    expect(riskOf(view, 'c')).toBe('its server does not answer');
  });

  it('may be anything with a member that did not confirm, and without synchronous replication', () => {
    const seen = [{ name: 'd', lsn: '0/3000100' }];
    expect(riskOf(judgeFailover(stored('b,c', 1), seen, []), 'd')).toContain('did not confirm commits');
    expect(riskOf(judgeFailover(parseStoredState(null, null), seen, []), 'd')).toContain('not synchronous');
  });

  it('is never called nothing when a set of standbys that can acknowledge may have more', () => {
    const member = fc.record({
      lsn: fc.option(fc.nat({ max: 20 }), { nil: null }),
      // what it really has: as much as it says, or anything when it is silent
      hidden: fc.nat({ max: 20 }),
    });
    const clusters = fc
      .array(member, { minLength: 1, maxLength: 5 })
      .chain((members) => fc.tuple(fc.constant(members), fc.integer({ min: 1, max: members.length })));
    fc.assert(
      fc.property(clusters, ([members, confirming]) => {
        const names = members.map((_, index) => `m${index}`);
        const state = stored(names.join(','), members.length - confirming);
        const seen = members.map(({ lsn }, index) => ({
          name: `m${index}`,
          lsn: lsn === null ? null : `0/${lsn.toString(16)}`,
        }));
        const view = judgeFailover(state, seen, []);
        const real = members.map(({ lsn, hidden }) => lsn ?? hidden);
        // the farthest position that `confirming` standbys together can have acknowledged
        const acknowledged = real.toSorted((a, b) => b - a)[confirming - 1] ?? 0;
        for (const [index, { risk }] of view.candidates.entries()) {
          if (risk === null) expect(real[index]).toBeGreaterThanOrEqual(acknowledged);
        }
      }),
    );
  });
});
