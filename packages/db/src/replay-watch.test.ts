import { describe, expect, it } from 'vitest';
import type { LsnToken } from './lsn.ts';
import { silentObserver } from './observer.ts';
import { createReplayWatch, ReplicaBehindError } from './replay-watch.ts';

const at = (lsn: number, timeline: number | null = 1): LsnToken => ({ lsn: BigInt(lsn), timeline });

/** A replica that replays one position a look. */
function replayingReplica(from: number) {
  let position = from;
  let looks = 0;
  const look = async () => {
    looks += 1;
    position += 1;
    return at(position);
  };
  return { look, looks: () => looks };
}

describe('createReplayWatch', () => {
  it('does not look when what was seen is far enough', async () => {
    const replica = replayingReplica(0);
    await createReplayWatch(replica.look, silentObserver).waitFor(at(5), at(5), 1_000);
    expect(replica.looks()).toBe(0);
  });

  it('waits until the position is reached, and says how long', async () => {
    const waits: number[] = [];
    const observer = { ...silentObserver, replicaWait: (seconds: number) => waits.push(seconds) };
    const replica = replayingReplica(0);
    await createReplayWatch(replica.look, observer).waitFor(at(3), at(0), 10_000);
    expect(replica.looks()).toBe(3);
    expect(waits).toHaveLength(1);
  });

  it('shares one look between all who wait', async () => {
    const replica = replayingReplica(0);
    const watch = createReplayWatch(replica.look, silentObserver);
    await Promise.all(Array.from({ length: 100 }, () => watch.waitFor(at(4), at(0), 10_000)));
    expect(replica.looks()).toBe(4);
  });

  it('gives up after the wait, and says how far the replica was', async () => {
    const stuck = createReplayWatch(async () => at(2), silentObserver);
    const error: unknown = await stuck.waitFor(at(9), at(1), 30).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(ReplicaBehindError);
    expect(error).toMatchObject({ wanted: at(9), reached: at(2) });
  });

  it('gives up at once when it may not wait', async () => {
    const replica = replayingReplica(0);
    const watch = createReplayWatch(replica.look, silentObserver);
    await expect(watch.waitFor(at(9), at(1), 0)).rejects.toBeInstanceOf(ReplicaBehindError);
    expect(replica.looks()).toBe(0);
  });

  it('does not take a higher position on an older timeline for the wanted one', async () => {
    const watch = createReplayWatch(async () => at(100, 1), silentObserver);
    await expect(watch.waitFor(at(9, 2), at(100, 1), 30)).rejects.toBeInstanceOf(ReplicaBehindError);
  });

  it('passes on what a look throws, and looks again for the next caller', async () => {
    let failures = 1;
    const look = async () => {
      if (failures-- > 0) throw new Error('Connection terminated unexpectedly');
      return at(9);
    };
    const watch = createReplayWatch(look, silentObserver);
    const both = await Promise.allSettled([watch.waitFor(at(9), at(0), 1_000), watch.waitFor(at(9), at(0), 1_000)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await watch.waitFor(at(9), at(0), 1_000);
  });
});
