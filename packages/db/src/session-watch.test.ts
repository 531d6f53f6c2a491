import { describe, expect, it } from 'vitest';
import { createSessionWatch, type WatchedConnection } from './session-watch.ts';
import type { Look, SessionId } from './sightings.ts';
import type { Sighting } from './silence.ts';

interface FakeConnection extends WatchedConnection {
  bytes: number;
  isGivenUp: boolean;
}

function connection(pid: number, { unanswered = 1, isLent = true, isPooled = false } = {}): FakeConnection {
  return {
    session: isPooled ? null : { server: 'a', pid, began: 'then' },
    bytes: 0,
    isGivenUp: false,
    bytesRead() {
      return this.bytes;
    },
    unanswered: () => unanswered,
    isLent: () => isLent,
    giveUp() {
      this.isGivenUp = true;
    },
  };
}

/** A watch over fakes; each tick comes a second after the one before. */
function watch(connections: FakeConnection[], sighting: (session: SessionId) => Sighting, during = () => {}) {
  let now = 0;
  const looks = { taken: 0, closed: 0, ended: [] as number[], givenUp: 0 };
  const look = async (): Promise<Look> => {
    looks.taken += 1;
    during();
    return {
      of: sighting,
      end: async (sessions) => void looks.ended.push(...sessions.map(({ pid }) => pid)),
      close: async () => {
        looks.closed += 1;
      },
    };
  };
  const { tick } = createSessionWatch({
    role: 'primary',
    connections: () => connections.filter(({ isGivenUp }) => !isGivenUp),
    look,
    onGivenUp: (count) => {
      looks.givenUp += count;
    },
    now: () => now,
  });
  const seconds = async (count: number) => {
    for (let at = 0; at < count; at += 1) {
      await tick();
      now += 1_000;
    }
  };
  return { looks, seconds };
}

describe('the watch over sessions', () => {
  it('takes no look while every connection talks or is not asked anything', async () => {
    const talking = connection(1);
    const { looks, seconds } = watch([talking, connection(2, { unanswered: 0, isLent: false })], () => 'gone');
    for (let at = 0; at < 30; at += 1) {
      talking.bytes += 1;
      await seconds(1);
    }
    expect(looks.taken).toBe(0);
  });

  it('gives up what is silent with those that nobody uses, ends their sessions, and leaves who is at work', async () => {
    const [silent, working, unused] = [connection(1), connection(2), connection(3, { unanswered: 0, isLent: false })];
    const { looks, seconds } = watch([silent, working, unused], ({ pid }) =>
      pid === 2 ? 'at-work' : 'waits-for-client',
    );
    await seconds(5);
    expect([silent.isGivenUp, unused.isGivenUp]).toEqual([false, false]);
    await seconds(1);
    expect([silent, working, unused].map(({ isGivenUp }) => isGivenUp)).toEqual([true, false, true]);
    expect(looks).toMatchObject({ ended: [1, 3], givenUp: 2 });
    await seconds(30);
    expect(working.isGivenUp).toBe(false);
    expect(looks.closed).toBe(looks.taken);
  });

  it('takes what comes while it looks for a sign of life', async () => {
    const late = connection(1);
    const { looks, seconds } = watch(
      [late],
      () => 'waits-for-client',
      () => {
        late.bytes += 1;
      },
    );
    await seconds(60);
    expect(looks.taken).toBeGreaterThan(5);
    expect(late.isGivenUp).toBe(false);
  });

  it('says nothing of a connection behind which a pooler lends sessions', async () => {
    const pooled = connection(1, { isPooled: true });
    const { looks, seconds } = watch([pooled], () => 'gone');
    await seconds(60);
    expect([looks.taken, pooled.isGivenUp]).toEqual([0, false]);
  });

  it('lets everything be when nobody answers its look', async () => {
    const silent = connection(1);
    let now = 0;
    const { tick } = createSessionWatch({
      role: 'primary',
      connections: () => [silent],
      look: async () => {
        throw new Error('nobody answers');
      },
      onGivenUp: () => {},
      now: () => now,
    });
    const ticks: string[] = [];
    for (; now < 60_000; now += 1_000)
      ticks.push(
        await tick().then(
          () => 'quiet',
          () => 'failed',
        ),
      );
    expect(ticks.slice(0, 4)).toEqual(['quiet', 'quiet', 'quiet', 'quiet']);
    expect(new Set(ticks.slice(4))).toEqual(new Set(['failed']));
    expect(silent.isGivenUp).toBe(false);
  });
});
