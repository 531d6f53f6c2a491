import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseStats, Gate } from '@pgha/db';
import type { BackupsView } from '../backups.ts';
import type { ClusterView } from '../cluster.ts';
import { latencyBuckets, type RequestTotals } from '../metrics.ts';
import { type ClusterMemory, foldCluster } from './cluster-events.ts';
import type { StatusEvent } from './event-text.ts';
import { createHistory, type History } from './history.ts';
import { foldHold, type Hold } from './hold.ts';
import { quantile } from './quantile.ts';

/** Where the figures come from. */
export interface Sources {
  /** Null where no cluster is configured. */
  readCluster: (() => Promise<ClusterView>) | null;
  readStats: () => Promise<DatabaseStats>;
  readBackups: () => Promise<BackupsView>;
  totals: () => RequestTotals;
  gate: Pick<Gate, 'isOpen' | 'waiting'>;
  /** Whether the service can do nothing without a leader. */
  needsLeader: boolean;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** The last answer of a source that may be unavailable. */
interface Reading<T> {
  value: T | null;
  /** When it was read; null when it never was. */
  at: number | null;
  /** Whether the last attempt failed; `value` is then an older one. */
  isStale: boolean;
}

export interface Snapshot {
  at: number;
  /** When sampling began. */
  since: number;
  clusterIsConfigured: boolean;
  cluster: Reading<ClusterView>;
  stats: Reading<DatabaseStats>;
  backups: Reading<BackupsView>;
  history: History;
  /** Newest first. */
  events: StatusEvent[];
  hold: Hold | null;
  held: number;
  /** Answers of 500 and above during the present hold. */
  failedInHold: number;
}

export interface Sampler {
  start(): void;
  stop(): void;
  snapshot(): Snapshot;
}

/** How often each source is asked, in milliseconds. */
export interface Rhythm {
  /** A hold shorter than this may go unseen; looking costs two comparisons. */
  look: number;
  sample: number;
  cluster: number;
  /** While requests are held, when the next leader is what everybody waits for. */
  clusterInHold: number;
  stats: number;
  statsRetry: number;
  backups: number;
}

const defaultRhythm: Rhythm = {
  look: 100,
  sample: 1_000,
  cluster: 1_000,
  clusterInHold: 250,
  // the size of a database is the sum of its files' sizes: not a question for every second
  stats: 10_000,
  statsRetry: 2_000,
  // the report is written once a minute
  backups: 15_000,
};
/** Five minutes of them: a failover is seconds long, and what led to it is minutes. */
const historyLength = 300;
export const windowMs = historyLength * defaultRhythm.sample;
/** The slowest of a hundred requests needs some hundreds to be told from chance: latency is that of the last five samples. */
const latencySamples = 5;
const eventsKept = 100;

/**
 * Watches one service: counters and the gate from inside, the cluster and the database by asking. Every source has its
 * own rhythm and may be unavailable; none waits for another, and a slow one is not asked again before it has answered.
 */
export function createSampler(sources: Sources, rhythm: Rhythm = defaultRhythm): Sampler {
  const { readCluster, readStats, readBackups, totals, gate, needsLeader, now } = sources;
  const history = createHistory(historyLength);
  const since = now();
  const cluster = unread<ClusterView>();
  const stats = unread<DatabaseStats>();
  const backups = unread<BackupsView>();
  let events: StatusEvent[] = [];
  let memory: ClusterMemory | null = null;
  let hold: Hold | null = null;
  let last = { at: since, totals: totals() };
  const earlier: RequestTotals[] = [];
  let heldAtMost = 0;
  let away = 0;
  let ticking: NodeJS.Timeout | null = null;
  let stopping = new AbortController();

  /** Between two samples only the gate is checked: a hold may be shorter than a second. */
  function look(): void {
    const at = now();
    const isOpen = gate.isOpen();
    if (!isOpen || (needsLeader && isLeaderless(memory))) away = 1;
    if (!isOpen || hold !== null) {
      const waiting = gate.waiting();
      heldAtMost = Math.max(heldAtMost, waiting);
      const folded = foldHold(hold, { at, isOpen, waiting, failures: totals().failures });
      hold = folded.hold;
      tell(folded.events);
    }
    // a clock that was set back must not end the sampling
    if (at < last.at) last = { ...last, at };
    if (at - last.at >= rhythm.sample) sample(at);
  }

  function sample(at: number): void {
    const current = totals();
    const seconds = (at - last.at) / 1000;
    earlier.push(last.totals);
    if (earlier.length > latencySamples) earlier.shift();
    const latency = current.latency.map((count, index) => count - (earlier[0]?.latency[index] ?? 0));
    const lag = readCluster === null ? stats.value?.replication_lag_bytes : furthestBehind(cluster.value);
    const lagIsKnown = !(readCluster === null ? stats : cluster).isStale;
    history.push({
      at,
      requestsPerSecond: (current.requests - last.totals.requests) / seconds,
      failuresPerSecond: (current.failures - last.totals.failures) / seconds,
      p50: quantile(0.5, latency, latencyBuckets),
      p99: quantile(0.99, latency, latencyBuckets),
      held: heldAtMost,
      lag: lagIsKnown ? (lag ?? null) : null,
      away,
    });
    last = { at, totals: current };
    heldAtMost = 0;
    away = 0;
  }

  function tell(news: StatusEvent[]): void {
    if (news.length > 0) events = [...news.toReversed(), ...events].slice(0, eventsKept);
  }

  async function poll<T>(reading: Reading<T>, read: () => Promise<T>, everyMs: () => number, seen?: () => void) {
    const { signal } = stopping;
    while (!signal.aborted) {
      await take(reading, read, now);
      if (signal.aborted) return;
      seen?.();
      await delay(everyMs(), undefined, { signal, ref: false }).catch(() => {});
    }
  }

  function clusterSeen(): void {
    const folded = foldCluster(memory, now(), cluster.isStale ? null : cluster.value);
    memory = folded.memory;
    tell(folded.events);
  }

  return {
    start() {
      stopping = new AbortController();
      last = { at: now(), totals: totals() };
      ticking = setInterval(look, rhythm.look).unref();
      if (readCluster !== null) {
        void poll(cluster, readCluster, () => (gate.isOpen() ? rhythm.cluster : rhythm.clusterInHold), clusterSeen);
      }
      void poll(stats, readStats, () => (stats.isStale ? rhythm.statsRetry : rhythm.stats));
      void poll(backups, readBackups, () => rhythm.backups);
    },
    stop() {
      stopping.abort();
      if (ticking !== null) clearInterval(ticking);
    },
    snapshot: () => ({
      at: now(),
      since,
      clusterIsConfigured: readCluster !== null,
      cluster,
      stats,
      backups,
      history,
      events,
      hold,
      held: gate.waiting(),
      failedInHold: hold === null ? 0 : totals().failures - hold.failuresBefore,
    }),
  };
}

function unread<T>(): Reading<T> {
  return { value: null, at: null, isStale: false };
}

async function take<T>(reading: Reading<T>, read: () => Promise<T>, now: () => number): Promise<void> {
  try {
    reading.value = await read();
    reading.at = now();
    reading.isStale = false;
  } catch {
    // what it last said is shown, with its time
    reading.isStale = true;
  }
}

function isLeaderless(memory: ClusterMemory | null): boolean {
  return memory !== null && memory.leaderlessSince !== null;
}

function furthestBehind(cluster: ClusterView | null): number | null {
  const lags = cluster?.members.flatMap(({ lag }) => lag ?? []) ?? [];
  return lags.length === 0 ? null : Math.max(...lags);
}
