import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldHold, type Hold, type HoldEvent } from './hold.ts';

type Look = { isOpen: boolean; waiting: number; failures: number };

function story(looks: Look[]): { hold: Hold | null; events: HoldEvent[] } {
  let hold: Hold | null = null;
  const events: HoldEvent[] = [];
  for (const [index, look] of looks.entries()) {
    const folded = foldHold(hold, { at: index * 100, ...look });
    hold = folded.hold;
    events.push(...folded.events);
  }
  return { hold, events };
}

const open = { isOpen: true, waiting: 0, failures: 3 };

describe('foldHold', () => {
  it('tells how long requests were held, how many, and how many failed meanwhile', () => {
    const { hold, events } = story([
      open,
      { isOpen: false, waiting: 4, failures: 3 },
      { isOpen: false, waiting: 12, failures: 3 },
      { isOpen: false, waiting: 9, failures: 5 },
      { ...open, failures: 5 },
    ]);
    expect(hold).toBeNull();
    expect(events).toEqual([
      { at: 100, kind: 'hold-began' },
      { at: 400, kind: 'hold-ended', forMs: 300, peak: 12, failed: 2 },
    ]);
  });

  it('begins and ends in turn, and its peak is the highest figure seen', () => {
    const look = fc.record({ isOpen: fc.boolean(), waiting: fc.nat({ max: 50 }), failures: fc.constant(0) });
    fc.assert(
      fc.property(fc.array(look), (looks) => {
        const { hold, events } = story(looks);
        const kinds = events.map(({ kind }) => kind);
        expect(kinds).toEqual(kinds.map((_, index) => (index % 2 === 0 ? 'hold-began' : 'hold-ended')));
        expect(hold === null).toBe(kinds.length % 2 === 0);
        const peaks = events.flatMap((event) => (event.kind === 'hold-ended' ? [event.peak] : []));
        const heldAtMost = Math.max(0, ...looks.filter(({ isOpen }) => !isOpen).map(({ waiting }) => waiting));
        expect(Math.max(0, hold?.peak ?? 0, ...peaks)).toBe(heldAtMost);
      }),
    );
  });
});
