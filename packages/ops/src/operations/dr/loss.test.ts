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
    expect(measureLoss(promotion({}), fence)).toMatchObject({
      keptUntil: '2027-01-15T08:00:00.250Z',
      atMostSeconds: 12.5,
      knownBytes: 0x100,
      lastHeardAt: '2027-01-15T08:00:00.000Z',
    });
  });

  it('is no bytes where the standby had received more than the primary told of last', () => {
    const ahead = { ...heard, position: 0x2000000 };
    expect(measureLoss(promotion({ peerLast: ahead }), fence).knownBytes).toBe(0);
  });

  it('is not known where nothing was measured', () => {
    const { received: _received, ...later } = promotion({ peerLast: null });
    expect(measureLoss(later, fence)).toMatchObject({ keptUntil: null, atMostSeconds: null, knownBytes: null });
  });
});
