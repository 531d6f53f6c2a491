import type { ClusterView } from '../cluster.ts';
import { isUp } from './cluster-events.ts';
import type { Requests, Tone } from './event-text.ts';
import { formatBytes, formatCount, formatDuration } from './figures.ts';
import type { Snapshot } from './sampler.ts';

/** The state of the service in one sentence, and what stands behind it in another. */
export interface Verdict {
  tone: Tone;
  title: string;
  detail: string;
}

type Seen = Pick<Snapshot, 'at' | 'hold' | 'held' | 'failedInHold' | 'cluster' | 'stats' | 'clusterIsConfigured'>;

/** Judges what is known now; the first thing that is wrong is the one that is said. */
export function judge(seen: Seen, requests: Requests): Verdict {
  const { hold, clusterIsConfigured, cluster, stats } = seen;
  if (hold !== null) return judgeHold(seen, hold.since, requests);
  const serving = requests === 'writes' ? 'Serving writes' : 'Serving reads';
  if (stats.isStale && (cluster.value === null || cluster.isStale)) {
    return { tone: 'trouble', title: 'The database does not answer', detail: `The next ${requests} will be held.` };
  }
  if (!clusterIsConfigured) {
    return { tone: 'good', title: serving, detail: 'The members are not shown: PATRONI_URLS is not set.' };
  }
  if (cluster.value === null && !cluster.isStale) {
    return { tone: 'notice', title: 'Looking', detail: 'The members have not been read yet.' };
  }
  if (cluster.value === null || cluster.isStale) {
    return { tone: 'notice', title: serving, detail: 'The members cannot be read, so nothing is known about them.' };
  }
  return requests === 'writes' ? judgeWrites(cluster.value) : judgeReads(cluster.value);
}

function judgeHold({ at, held, failedInHold, cluster }: Seen, since: number, requests: Requests): Verdict {
  const leader = cluster.value?.leader ?? null;
  const who =
    requests === 'reads'
      ? 'No server answers reads.'
      : leader === null
        ? 'There is no leader.'
        : `${leader} leads and does not answer yet.`;
  const failed = failedInHold === 0 ? 'none has failed' : `${formatCount(failedInHold)} failed`;
  return {
    tone: failedInHold === 0 ? 'notice' : 'trouble',
    title: requests === 'writes' ? 'Holding writes until a leader answers' : 'Holding reads until a server answers',
    detail: `${who} ${formatCount(held)} held for ${formatDuration((at - since) / 1000)}; ${failed}.`,
  };
}

function judgeWrites({ leader, members, synchronous }: ClusterView): Verdict {
  if (leader === null) {
    return { tone: 'trouble', title: 'There is no leader', detail: 'The next write will be held until there is one.' };
  }
  const confirming = members.filter(({ role, state }) => /^(sync|quorum)_standby$/.test(role) && isUp(state));
  if (synchronous && confirming.length > 0) {
    const anyOne = confirming.some(({ role }) => role === 'quorum_standby');
    const names = joined(confirming, anyOne ? 'or' : 'and');
    const confirm = anyOne || confirming.length === 1 ? 'confirms' : 'confirm';
    return { tone: 'good', title: 'Serving writes', detail: `${leader} leads, and ${names} ${confirm} every commit.` };
  }
  const following = members.filter(({ name, state }) => name !== leader && isUp(state));
  if (following.length > 0) {
    const detail = `${leader} leads, and no standby confirms its commits.`;
    return { tone: 'notice', title: 'Serving writes without confirmation', detail };
  }
  const others = members.filter(({ name }) => name !== leader).map(({ name, state }) => `${name}: ${state}`);
  const states = others.length === 0 ? '' : ` (${others.join(', ')})`;
  return { tone: 'notice', title: 'Serving writes from one machine', detail: `${leader} leads alone${states}.` };
}

function judgeReads({ leader, members }: ClusterView): Verdict {
  const replicas = members.filter(({ name, state }) => name !== leader && isUp(state));
  const [first] = replicas;
  if (first === undefined) {
    return leader === null
      ? { tone: 'trouble', title: 'No server is up', detail: 'The next read will be held.' }
      : { tone: 'notice', title: 'Serving reads from the leader', detail: `${leader} is alone: no replica is up.` };
  }
  const names = joined(replicas, 'and');
  if (leader === null) {
    const detail = `${names} ${replicas.length === 1 ? 'answers' : 'answer'}; nothing new arrives.`;
    return { tone: 'notice', title: 'Serving reads while there is no leader', detail };
  }
  const lags = replicas.flatMap(({ lag }) => lag ?? []);
  const follow = replicas.length === 1 ? 'follows' : 'follow';
  const behind = lags.length === 0 ? '' : `, ${formatBytes(Math.max(...lags))} behind`;
  return { tone: 'good', title: 'Serving reads', detail: `${names} ${follow} ${leader}${behind}.` };
}

function joined(members: { name: string }[], word: string): string {
  const names = members.map(({ name }) => name);
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1)}`;
}
