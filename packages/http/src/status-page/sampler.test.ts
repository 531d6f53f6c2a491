import type { DatabaseStats } from '@pgha/db';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BackupsView } from '../backups.ts';
import type { ClusterView } from '../cluster.ts';
import { latencyBuckets, type RequestTotals } from '../metrics.ts';
import type { Measure } from './history.ts';
import { createSampler, type Rhythm, type Sampler, type Sources } from './sampler.ts';

const fast: Rhythm = { look: 2, sample: 10, cluster: 5, clusterInHold: 5, stats: 5, statsRetry: 5, backups: 5 };

const cluster = (leader: string | null): ClusterView => ({
  scope: 'pgha',
  members: [
    { name: 'pg1', role: leader === 'pg1' ? 'leader' : 'replica', state: 'running', timeline: 1, lag: null },
    { name: 'pg2', role: leader === 'pg2' ? 'leader' : 'replica', state: 'running', timeline: 1, lag: 4096 },
  ],
  leader,
  synchronous: false,
  timestamp: '2026-11-22T00:00:00.000Z',
});
const stats: DatabaseStats = {
  database_size_bytes: 1,
  active_connections: 1,
  max_connections: 10,
  connection_usage_percent: 10,
  transactions_committed: 1,
  transactions_rolled_back: 0,
  blocks_read: 1,
  blocks_hit: 1,
  cache_hit_ratio: 0.5,
  replication_lag_bytes: 77,
  is_in_recovery: false,
};
const backups: BackupsView = {
  stanza: null,
  status: 'not_installed',
  status_message: 'none',
  backups: [],
  wal_archive: { min_wal: null, max_wal: null },
  last_full_backup: null,
  last_diff_backup: null,
  timestamp: '2026-11-22T00:00:00.000Z',
};

/** A service whose state the test sets. */
function service() {
  const totals: RequestTotals = { requests: 0, failures: 0, latency: latencyBuckets.map(() => 0) };
  const state = {
    leader: 'pg1' as string | null,
    clusterAnswers: true,
    databaseAnswers: true,
    isOpen: true,
    waiting: 0,
  };
  const sources: Sources = {
    readCluster: async () => {
      if (!state.clusterAnswers) throw new Error('no member answers');
      return cluster(state.leader);
    },
    readStats: async () => {
      if (!state.databaseAnswers) throw new Error('no connection');
      return stats;
    },
    readBackups: async () => backups,
    totals: () => ({ ...totals, latency: [...totals.latency] }),
    gate: { isOpen: () => state.isOpen, waiting: () => state.waiting },
    needsLeader: true,
    now: Date.now,
  };
  return { state, totals, sources };
}

let running: Sampler | null = null;
function started(sources: Sources): Sampler {
  running = createSampler(sources, fast);
  running.start();
  return running;
}
afterEach(() => running?.stop());

const last = (sampler: Sampler, measure: Measure) => sampler.snapshot().history.points(measure).at(-1)?.value;

describe('sampler', () => {
  it('counts requests by the second and takes the lag of the replica furthest behind', async () => {
    const { sources, totals } = service();
    const sampler = started(sources);
    await vi.waitFor(() => expect(last(sampler, 'lag')).toBe(4096));
    totals.requests += 50;
    totals.failures += 10;
    totals.latency[2] = 50;
    await vi.waitFor(() => {
      const { history } = sampler.snapshot();
      expect(history.points('requestsPerSecond').some(({ value }) => (value ?? 0) > 100)).toBe(true);
      expect(history.points('failuresPerSecond').some(({ value }) => (value ?? 0) > 20)).toBe(true);
      expect(history.points('p99').some(({ value }) => value !== null && value > 0.001 && value <= 0.0025)).toBe(true);
    });
  });

  it('tells of a change of leader and marks the time without one', async () => {
    const { sources, state } = service();
    const sampler = started(sources);
    await vi.waitFor(() => expect(sampler.snapshot().cluster.value?.leader).toBe('pg1'));
    state.leader = null;
    await vi.waitFor(() => expect(last(sampler, 'away')).toBe(1));
    state.leader = 'pg2';
    await vi.waitFor(() => expect(last(sampler, 'away')).toBe(0));
    const kinds = sampler.snapshot().events.map(({ kind }) => kind);
    expect(kinds).toEqual(['leader-changed', 'leader-lost']);
  });

  it('keeps the most requests held between two samples, and tells the end of the hold', async () => {
    const { sources, state } = service();
    const sampler = started(sources);
    state.isOpen = false;
    state.waiting = 7;
    await vi.waitFor(() => expect(sampler.snapshot().hold?.peak).toBe(7));
    expect(sampler.snapshot().held).toBe(7);
    state.isOpen = true;
    state.waiting = 0;
    await vi.waitFor(() => expect(sampler.snapshot().hold).toBeNull());
    await vi.waitFor(() => expect(last(sampler, 'held')).toBe(0));
    const { events, history } = sampler.snapshot();
    expect(Math.max(...history.points('held').map(({ value }) => value ?? 0))).toBe(7);
    expect(events[0]).toMatchObject({ kind: 'hold-ended', peak: 7, failed: 0 });
  });

  it('keeps what a source last said while it is away', async () => {
    const { sources, state } = service();
    const sampler = started(sources);
    await vi.waitFor(() => expect(sampler.snapshot().stats.value).toEqual(stats));
    state.clusterAnswers = false;
    state.databaseAnswers = false;
    await vi.waitFor(() => expect(sampler.snapshot().cluster.isStale && sampler.snapshot().stats.isStale).toBe(true));
    expect(sampler.snapshot().cluster.value?.leader).toBe('pg1');
    expect(sampler.snapshot().stats.value).toEqual(stats);
    await vi.waitFor(() => expect(last(sampler, 'lag')).toBeNull());
  });

  it('takes the lag from the database where no cluster is configured', async () => {
    const { sources } = service();
    const sampler = started({ ...sources, readCluster: null });
    await vi.waitFor(() => expect(last(sampler, 'lag')).toBe(77));
  });

  it('asks nothing any more once it is stopped', async () => {
    const { sources } = service();
    const readCluster = vi.fn(async () => cluster('pg1'));
    const sampler = started({ ...sources, readCluster });
    await vi.waitFor(() => expect(readCluster.mock.calls.length).toBeGreaterThan(2));
    sampler.stop();
    const { length } = sampler.snapshot().history;
    const asked = readCluster.mock.calls.length;
    // another one, of the same rhythm, tells that it would have asked
    const other = vi.fn(async () => cluster('pg1'));
    started({ ...sources, readCluster: other });
    await vi.waitFor(() => expect(other.mock.calls.length).toBeGreaterThan(5));
    expect(readCluster.mock.calls.length).toBe(asked);
    expect(sampler.snapshot().history.length).toBe(length);
  });
});
