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
      'there is a synchronous standby',
      seen([leader, member('pg2', 'sync_standby', 'streaming')]),
      'good',
      'Primary pg1; synchronous standby pg2.',
    ],
    [
      'there are two',
      seen([leader, member('pg2', 'sync_standby', 'streaming'), member('pg3', 'sync_standby', 'streaming')]),
      'good',
      'Primary pg1; synchronous standbys pg2 and pg3.',
    ],
    [
      'they are a quorum',
      seen([leader, member('pg2', 'quorum_standby', 'streaming'), member('pg3', 'quorum_standby', 'streaming')]),
      'good',
      'Primary pg1; synchronous standby pg2 or pg3.',
    ],
    [
      'there is none',
      seen([leader, member('pg2', 'replica', 'streaming')]),
      'notice',
      'Primary pg1; another failure could lose data or block writes.',
    ],
    [
      'no replica is running',
      seen([leader, member('pg2', 'replica', 'creating replica')]),
      'notice',
      'Primary pg1 has no running replica (pg2: creating replica).',
    ],
    [
      'there is no primary',
      seen([member('pg2', 'replica', 'running')]),
      'trouble',
      'New writes are queued until there is one.',
    ],
    [
      'writes are queued',
      seen([member('pg2', 'replica', 'running')], { hold, held: 12 }),
      'notice',
      'There is no primary. 12 queued for 2.3 s; none failed.',
    ],
    [
      'queued writes fail',
      seen([leader], { hold, held: 12, failedInHold: 3 }),
      'trouble',
      'Primary pg1 is not responding yet. 12 queued for 2.3 s; 3 failed.',
    ],
    [
      'no Patroni member responds',
      seen([leader], { cluster: stale }),
      'notice',
      'The cluster state is unknown: no Patroni member responded.',
    ],
    [
      'nothing responds',
      seen([leader], { cluster: stale, stats: stale }),
      'trouble',
      'New writes are queued until it responds.',
    ],
    [
      'no cluster is configured',
      seen(null, { clusterIsConfigured: false }),
      'good',
      'Cluster members are not shown: PATRONI_URLS is not set.',
    ],
    ['nothing was read yet', seen(null), 'notice', 'The cluster state has not been read yet.'],
  ] as const)('when %s', (_, snapshot, tone, detail) => {
    expect(judge(snapshot, 'writes')).toMatchObject({ tone, detail });
  });
});

describe('what is said of the read service', () => {
  it.each([
    [
      'a replica replicates',
      seen([leader, member('pg2', 'replica', 'streaming', 2048)]),
      'good',
      'pg2 replicates from pg1, 2 KiB behind.',
    ],
    [
      'two replicate',
      seen([leader, member('pg2', 'replica', 'streaming'), member('pg3', 'replica', 'streaming', 0)]),
      'good',
      'pg2 and pg3 replicate from pg1, 0 B behind.',
    ],
    [
      'no replica is running',
      seen([leader, member('pg2', 'replica', 'stopped')]),
      'notice',
      'Primary pg1 has no running replica.',
    ],
    [
      'there is no primary',
      seen([member('pg2', 'replica', 'running')]),
      'notice',
      'Reads use pg2; no new data arrives until there is a primary.',
    ],
    [
      'no server is running',
      seen([member('pg2', 'replica', 'stopped')]),
      'trouble',
      'New reads are queued until one responds.',
    ],
    [
      'reads are queued',
      seen([leader], { hold, held: 1 }),
      'notice',
      'No database server responds. 1 queued for 2.3 s; none failed.',
    ],
  ] as const)('when %s', (_, snapshot, tone, detail) => {
    expect(judge(snapshot, 'reads')).toMatchObject({ tone, detail });
  });
});
