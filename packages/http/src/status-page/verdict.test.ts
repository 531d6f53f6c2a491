import { describe, expect, it } from 'vitest';
import type { ClusterView } from '../cluster.ts';
import type { Snapshot } from './sampler.ts';
import { judge } from './verdict.ts';

type Member = ClusterView['members'][number];
const member = (name: string, role: string, state: string, lag: number | null = null): Member => ({
  name,
  role,
  state,
  timeline: 1,
  lag,
});
const leader = member('pg1', 'leader', 'running');

function seen(members: Member[] | null, over: Partial<Snapshot> = {}) {
  const found = members?.find(({ role }) => role === 'leader')?.name ?? null;
  const synchronous = members?.some(({ role }) => /_standby$/.test(role)) ?? false;
  const value = members && { scope: 'pgha', members, leader: found, synchronous, timestamp: '' };
  return {
    at: 10_000,
    hold: null,
    held: 0,
    failedInHold: 0,
    clusterIsConfigured: true,
    cluster: { value, at: 9_000, isStale: false },
    stats: { value: null, at: null, isStale: false },
    ...over,
  };
}
const hold = { since: 7_700, peak: 12, failuresBefore: 0 };
const stale = { value: null, at: null, isStale: true };

describe('what is said of the write service', () => {
  it.each([
    [
      'a standby confirms',
      seen([leader, member('pg2', 'sync_standby', 'streaming')]),
      'good',
      'pg1 leads, and pg2 confirms every commit.',
    ],
    [
      'two confirm',
      seen([leader, member('pg2', 'sync_standby', 'streaming'), member('pg3', 'sync_standby', 'streaming')]),
      'good',
      'pg1 leads, and pg2 and pg3 confirm every commit.',
    ],
    [
      'one of a quorum confirms',
      seen([leader, member('pg2', 'quorum_standby', 'streaming'), member('pg3', 'quorum_standby', 'streaming')]),
      'good',
      'pg1 leads, and pg2 or pg3 confirms every commit.',
    ],
    [
      'nobody confirms',
      seen([leader, member('pg2', 'replica', 'streaming')]),
      'notice',
      'pg1 leads, and no standby confirms its commits.',
    ],
    [
      'the leader is alone',
      seen([leader, member('pg2', 'replica', 'creating replica')]),
      'notice',
      'pg1 leads alone (pg2: creating replica).',
    ],
    [
      'there is no leader',
      seen([member('pg2', 'replica', 'running')]),
      'trouble',
      'The next write will be held until there is one.',
    ],
    [
      'writes are held',
      seen([member('pg2', 'replica', 'running')], { hold, held: 12 }),
      'notice',
      'There is no leader. 12 held for 2.3 s; none has failed.',
    ],
    [
      'held writes fail',
      seen([leader], { hold, held: 12, failedInHold: 3 }),
      'trouble',
      'pg1 leads and does not answer yet. 12 held for 2.3 s; 3 failed.',
    ],
    [
      'the members cannot be read',
      seen([leader], { cluster: stale }),
      'notice',
      'The members cannot be read, so nothing is known about them.',
    ],
    ['nothing answers', seen([leader], { cluster: stale, stats: stale }), 'trouble', 'The next writes will be held.'],
    [
      'no cluster is configured',
      seen(null, { clusterIsConfigured: false }),
      'good',
      'The members are not shown: PATRONI_URLS is not set.',
    ],
    ['nothing was read yet', seen(null), 'notice', 'The members have not been read yet.'],
  ] as const)('when %s', (_, snapshot, tone, detail) => {
    expect(judge(snapshot, 'writes')).toMatchObject({ tone, detail });
  });
});

describe('what is said of the read service', () => {
  it.each([
    [
      'a replica follows',
      seen([leader, member('pg2', 'replica', 'streaming', 2048)]),
      'good',
      'pg2 follows pg1, 2 KiB behind.',
    ],
    [
      'two follow',
      seen([leader, member('pg2', 'replica', 'streaming'), member('pg3', 'replica', 'streaming', 0)]),
      'good',
      'pg2 and pg3 follow pg1, 0 B behind.',
    ],
    [
      'no replica is up',
      seen([leader, member('pg2', 'replica', 'stopped')]),
      'notice',
      'pg1 is alone: no replica is up.',
    ],
    ['there is no leader', seen([member('pg2', 'replica', 'running')]), 'notice', 'pg2 answers; nothing new arrives.'],
    ['nobody is up', seen([member('pg2', 'replica', 'stopped')]), 'trouble', 'The next read will be held.'],
    [
      'reads are held',
      seen([leader], { hold, held: 1 }),
      'notice',
      'No server answers reads. 1 held for 2.3 s; none has failed.',
    ],
  ] as const)('when %s', (_, snapshot, tone, detail) => {
    expect(judge(snapshot, 'reads')).toMatchObject({ tone, detail });
  });
});
