import type { ClusterView } from '../cluster.ts';
import { isUp } from './cluster-events.ts';
import type { Requests, Tone } from './event-text.ts';
import { formatBytes, formatCount, formatDuration } from './figures.ts';
import type { Snapshot } from './sampler.ts';

/** The state of the service in one sentence, and its reason in another. */
export interface Verdict {
  tone: Tone;
  title: string;
  detail: string;
}

type Seen = Pick<Snapshot, 'at' | 'hold' | 'held' | 'failedInHold' | 'cluster' | 'stats' | 'clusterIsConfigured'>;

/** Judges what is known now; the first problem found is the one that is shown. */
export function judge(seen: Seen, requests: Requests): Verdict {
  const { hold, clusterIsConfigured, cluster, stats } = seen;
  if (hold !== null) return judgeHold(seen, hold.since, requests);
  const serving = requests === 'writes' ? 'Accepting writes' : 'Serving reads';
  if (stats.isStale && (cluster.value === null || cluster.isStale)) {
    return {
      tone: 'trouble',
      title: 'Database not responding',
      detail: `New ${requests} are queued until it responds.`,
    };
  }
  if (!clusterIsConfigured) {
    return { tone: 'good', title: serving, detail: 'Cluster members are not shown: PATRONI_URLS is not set.' };
  }
  if (cluster.value === null && !cluster.isStale) {
    return { tone: 'notice', title: 'Starting', detail: 'The cluster state has not been read yet.' };
  }
  if (cluster.value === null || cluster.isStale) {
    return { tone: 'notice', title: serving, detail: 'The cluster state is unknown: no Patroni member responded.' };
  }
  return requests === 'writes' ? judgeWrites(cluster.value) : judgeReads(cluster.value);
}

function judgeHold({ at, held, failedInHold, cluster }: Seen, since: number, requests: Requests): Verdict {
  const leader = cluster.value?.leader ?? null;
  const who =
    requests === 'reads'
      ? 'No database server responds.'
      : leader === null
        ? 'There is no primary.'
        : `Primary ${leader} is not responding yet.`;
  const failed = failedInHold === 0 ? 'none failed' : `${formatCount(failedInHold)} failed`;
  return {
    tone: failedInHold === 0 ? 'notice' : 'trouble',
    title: requests === 'writes' ? 'Writes queued: waiting for a primary' : 'Reads queued: waiting for a server',
    detail: `${who} ${formatCount(held)} queued for ${formatDuration((at - since) / 1000)}; ${failed}.`,
  };
}

function judgeWrites({ leader, members, synchronous }: ClusterView): Verdict {
  if (leader === null) {
    return { tone: 'trouble', title: 'No primary', detail: 'New writes are queued until there is one.' };
  }
  const standbys = members.filter(({ role, state }) => /^(sync|quorum)_standby$/.test(role) && isUp(state));
  if (synchronous && standbys.length > 0) {
    const anyOne = standbys.some(({ role }) => role === 'quorum_standby');
    const names = joined(standbys, anyOne ? 'or' : 'and');
    const noun = anyOne || standbys.length === 1 ? 'synchronous standby' : 'synchronous standbys';
    return { tone: 'good', title: 'Accepting writes', detail: `Primary ${leader}; ${noun} ${names}.` };
  }
  const replicas = members.filter(({ name, state }) => name !== leader && isUp(state));
  if (replicas.length > 0) {
    const detail = `Primary ${leader}; another failure could lose data or block writes.`;
    return { tone: 'notice', title: 'Accepting writes without a synchronous standby', detail };
  }
  const others = members.filter(({ name }) => name !== leader).map(({ name, state }) => `${name}: ${state}`);
  const states = others.length === 0 ? '' : ` (${others.join(', ')})`;
  return {
    tone: 'notice',
    title: 'Accepting writes on a single node',
    detail: `Primary ${leader} has no running replica${states}.`,
  };
}

function judgeReads({ leader, members }: ClusterView): Verdict {
  const replicas = members.filter(({ name, state }) => name !== leader && isUp(state));
  const [first] = replicas;
  if (first === undefined) {
    return leader === null
      ? { tone: 'trouble', title: 'No server available', detail: 'New reads are queued until one responds.' }
      : {
          tone: 'notice',
          title: 'Serving reads from the primary',
          detail: `Primary ${leader} has no running replica.`,
        };
  }
  const names = joined(replicas, 'and');
  if (leader === null) {
    const detail = `Reads use ${names}; no new data arrives until there is a primary.`;
    return { tone: 'notice', title: 'Serving reads without a primary', detail };
  }
  const lags = replicas.flatMap(({ lag }) => lag ?? []);
  const replicate = replicas.length === 1 ? 'replicates' : 'replicate';
  const behind = lags.length === 0 ? '' : `, ${formatBytes(Math.max(...lags))} behind`;
  return { tone: 'good', title: 'Serving reads', detail: `${names} ${replicate} from ${leader}${behind}.` };
}

function joined(members: { name: string }[], word: string): string {
  const names = members.map(({ name }) => name);
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1)}`;
}
