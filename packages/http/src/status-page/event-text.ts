import type { ClusterEvent } from './cluster-events.ts';
import { formatCount, formatDuration } from './figures.ts';
import type { HoldEvent } from './hold.ts';

export type StatusEvent = ClusterEvent | HoldEvent;

/** `good`: as it should be. `notice`: worth knowing. `trouble`: somebody has to look. */
export type Tone = 'good' | 'notice' | 'trouble';

/** What the service holds back while no server of the right role is there. */
export type Requests = 'writes' | 'reads';

/** One event as a line for people. */
export function describeEvent(event: StatusEvent, requests: Requests): { tone: Tone; text: string } {
  switch (event.kind) {
    case 'leader-lost':
      return { tone: 'trouble', text: `${event.leader} no longer leads; there is no leader` };
    case 'leader-changed':
      return { tone: 'notice', text: `Leader changed from ${event.from} to ${event.to}${without(event.withoutMs)}` };
    case 'leader-back':
      return { tone: 'good', text: `${event.leader} leads again${without(event.withoutMs)}` };
    case 'timeline':
      return { tone: 'notice', text: `Timeline ${event.from} → ${event.to}` };
    case 'synchronous-lost':
      return { tone: 'notice', text: 'Synchronous replication lost: no standby confirms commits' };
    case 'synchronous-back':
      return { tone: 'good', text: 'Synchronous replication is back: a standby confirms every commit' };
    case 'member-gone':
      return { tone: 'notice', text: `${event.name} is gone (${event.state})` };
    case 'member-back':
      return { tone: 'good', text: `${event.name} is up (${event.state})` };
    case 'members-unknown':
      return { tone: 'notice', text: 'The members cannot be read' };
    case 'members-known':
      return { tone: 'good', text: 'The members can be read again' };
    case 'hold-began':
      return { tone: 'notice', text: `${capital(requests)} are held until a server answers` };
    case 'hold-ended': {
      const { forMs, peak, failed } = event;
      const most = peak === 0 ? 'none was waiting' : `${formatCount(peak)} at most`;
      const failures = failed === 0 ? 'no request failed' : `${formatCount(failed)} requests failed`;
      return {
        tone: failed === 0 ? 'good' : 'trouble',
        text: `${capital(requests)} flow again: held for ${formatDuration(forMs / 1000)}, ${most}, ${failures}`,
      };
    }
  }
}

function without(ms: number | null): string {
  return ms === null ? '' : ` after ${formatDuration(ms / 1000)} without one`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
