import type { ClusterEvent } from './cluster-events.ts';
import { formatCount, formatDuration } from './figures.ts';
import type { HoldEvent } from './hold.ts';

export type StatusEvent = ClusterEvent | HoldEvent;

/** `good`: healthy. `notice`: degraded or changed. `trouble`: requires attention. */
export type Tone = 'good' | 'notice' | 'trouble';

/** The requests that the service queues while no server has the required role. */
export type Requests = 'writes' | 'reads';

/** One event as a line for people. */
export function describeEvent(event: StatusEvent, requests: Requests): { tone: Tone; text: string } {
  switch (event.kind) {
    case 'leader-lost':
      return { tone: 'trouble', text: `No primary: ${event.leader} is no longer the leader` };
    case 'leader-changed':
      return { tone: 'notice', text: `Primary changed from ${event.from} to ${event.to}${without(event.withoutMs)}` };
    case 'leader-back':
      return { tone: 'good', text: `${event.leader} is the primary again${without(event.withoutMs)}` };
    case 'timeline':
      return { tone: 'notice', text: `Timeline ${event.from} → ${event.to}` };
    case 'synchronous-lost':
      return { tone: 'notice', text: 'No synchronous standby' };
    case 'synchronous-back':
      return { tone: 'good', text: 'Synchronous replication restored' };
    case 'member-gone':
      return { tone: 'notice', text: `${event.name} is unavailable (${event.state})` };
    case 'member-back':
      return { tone: 'good', text: `${event.name} is available (${event.state})` };
    case 'members-unknown':
      return { tone: 'notice', text: 'Cluster state unknown: no Patroni member responded' };
    case 'members-known':
      return { tone: 'good', text: 'Cluster state available again' };
    case 'hold-began':
      return { tone: 'notice', text: `${capital(requests)} queued until a ${awaited(requests)} responds` };
    case 'hold-ended': {
      const { forMs, peak, failed } = event;
      const most = peak === 0 ? 'none queued' : `at most ${formatCount(peak)} queued`;
      const failures = failed === 0 ? 'no request failed' : `${formatCount(failed)} requests failed`;
      return {
        tone: failed === 0 ? 'good' : 'trouble',
        text: `${capital(requests)} resumed after ${formatDuration(forMs / 1000)}: ${most}, ${failures}`,
      };
    }
  }
}

function without(ms: number | null): string {
  return ms === null ? '' : ` after ${formatDuration(ms / 1000)} without a primary`;
}

/** What queued requests wait for. */
export function awaited(requests: Requests): string {
  return requests === 'writes' ? 'primary' : 'server';
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
