import { describe, expect, it } from 'vitest';
import type { Promotion } from '../../clients/region.ts';
import { measureLoss } from './loss.ts';

const heard = { answers: true, known: true, standby: false, epoch: 1, at: 1_800_000_000, position: 0x3000100 };
const promotion = (change: Partial<Promotion>): Promotion => ({
  epoch: 2,
  startedAt: 0,
  acceptsAt: 1,
  committedAt: 2,
  timeline: 2,
  parent: 1,
  forkLsn: '0/3000000',
  received: {
    receivedLsn: '0/3000000',
    replayedLsn: '0/2FFFFFF',
    lastCommitAt: '2027-01-15T08:00:00.250Z',
    beatenAt: null,
  },
  peerLast: heard,
  ...change,
});
const fence = { at: '2027-01-15T08:00:12.750Z' };

describe('the loss of a failover', () => {
  it('is bounded by the newest commit that was kept and the fence, and by what the primary had told of', () => {
    expect(measureLoss(promotion({}), fence, null)).toMatchObject({
      keptUntil: '2027-01-15T08:00:00.250Z',
      atMostSeconds: 12.5,
      knownBytes: 0x100,
      lastHeardAt: '2027-01-15T08:00:00.000Z',
    });
  });

  it('is no bytes where the standby had received more than the primary told of last', () => {
    const ahead = { ...heard, position: 0x2000000 };
    expect(measureLoss(promotion({ peerLast: ahead }), fence, null).knownBytes).toBe(0);
  });

  it('is not known where nothing was measured', () => {
    const { received: _received, ...later } = promotion({ peerLast: null });
    expect(measureLoss(later, fence, null)).toMatchObject({ keptUntil: null, atMostSeconds: null, knownBytes: null });
  });

  it('is estimated in rows from the pace of the last commits that were kept, which begins with the first of them', () => {
    const pace = { commits: 101, rows: 202, seconds: 50 };
    const { estimate } = measureLoss(promotion({}), fence, pace);
    expect(estimate).toEqual({ commits: 25, rows: 50, pace });
  });

  it('is not estimated where one commit was kept, or no moment is known', () => {
    const one = { commits: 1, rows: 1, seconds: 0 };
    expect(measureLoss(promotion({}), fence, one).estimate).toBeNull();
    const { received: _received, ...later } = promotion({});
    expect(measureLoss(later, fence, { commits: 101, rows: 202, seconds: 50 }).estimate).toBeNull();
  });
});
