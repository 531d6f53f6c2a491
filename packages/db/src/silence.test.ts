import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { continueSilence, judgeSilence, type Sighting, type Silence, silenceLimits } from './silence.ts';

/** A second of a connection's life: what comes over it, what is awaited, and what a look would show. */
interface Second {
  bytes: number;
  unanswered: number;
  sighting: Sighting;
}

const sightings = fc.constantFrom<Sighting>('at-work', 'waits-for-client', 'gone', 'elsewhere');
const second = fc.record({
  bytes: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 100 }) }),
  unanswered: fc.nat({ max: 3 }),
  sighting: sightings,
});
const role = fc.constantFrom('primary' as const, 'any-read-only' as const);

/** Lives through the seconds as the watch would, and answers the one in which the connection was given up, or -1. */
function liveThrough(seconds: Second[], of: 'primary' | 'any-read-only'): number {
  let silence: Silence | undefined;
  let bytesRead = 0;
  for (const [at, { bytes, unanswered, sighting }] of seconds.entries()) {
    bytesRead += bytes;
    const now = at * 1_000;
    silence = continueSilence(silence, now, { bytesRead, unanswered });
    if (now - silence.since < silenceLimits.lookAfterMs) continue;
    const verdict = judgeSilence(silence, sighting, now, of);
    if (verdict === 'given-up') return at;
    silence = verdict;
  }
  return -1;
}

describe('a silent connection', () => {
  it('is given up only after seconds in which nothing came, something was awaited and nobody was seen at work', () => {
    fc.assert(
      fc.property(fc.array(second, { maxLength: 60 }), role, (seconds, of) => {
        const at = liveThrough(seconds, of);
        if (at < 0) return;
        const silentSeconds = silenceLimits.lookAfterMs / 1_000 + 1;
        const last = seconds.slice(at - silentSeconds + 1, at + 1);
        expect(last).toHaveLength(silentSeconds);
        for (const { bytes, unanswered } of last) expect([bytes, unanswered > 0]).toEqual([0, true]);
        for (const { sighting } of last.slice(-2)) expect(sighting).not.toBe('at-work');
      }),
    );
  });

  it('is never given up while the server is at work on the answer, or while answers come', () => {
    const working = second.map((each): Second => ({ ...each, sighting: 'at-work' }));
    const talking = second.map((each): Second => ({ ...each, bytes: each.bytes + 1 }));
    fc.assert(
      fc.property(fc.array(fc.oneof(working, talking), { maxLength: 60 }), role, (seconds, of) => {
        expect(liveThrough(seconds, of)).toBe(-1);
      }),
    );
  });

  it('is given up within six seconds of the last sign of life, or eleven for a read that another server would answer', () => {
    const dead = fc.array(
      fc.record({
        bytes: fc.constant(0),
        unanswered: fc.integer({ min: 1, max: 3 }),
        sighting: sightings.filter((sighting) => sighting !== 'at-work'),
      }),
      { minLength: 20, maxLength: 20 },
    );
    fc.assert(
      fc.property(fc.array(second, { maxLength: 20 }), dead, role, (before, after, of) => {
        fc.pre(liveThrough(before, of) < 0);
        const at = liveThrough([...before, ...after], of) - before.length;
        const mayWait = of !== 'primary' && after.some(({ sighting }) => sighting === 'elsewhere');
        expect(at).toBeGreaterThanOrEqual(0);
        expect(at).toBeLessThanOrEqual(mayWait ? 11 : 6);
      }),
    );
  });

  it('is not given up at once for a read that another server would answer', () => {
    const elsewhere = Array.from({ length: 20 }, (): Second => ({ bytes: 0, unanswered: 1, sighting: 'elsewhere' }));
    expect(liveThrough(elsewhere, 'primary')).toBe(5);
    expect(liveThrough(elsewhere, 'any-read-only')).toBe(11);
  });
});
