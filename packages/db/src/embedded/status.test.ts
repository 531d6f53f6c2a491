import { describe, expect, it } from 'vitest';

import type { MemberReport } from './observer.ts';
import { FIRST_STATE } from './state.ts';
import { renderCluster } from './status.ts';

const primary: MemberReport = {
  inRecovery: false,
  timeline: 3,
  position: 1_000n,
  stream: { streaming: true, flushedTo: 990n },
  slotLost: false,
};
const replica: MemberReport = { inRecovery: true, timeline: 3, position: 990n, stream: null, slotLost: false };
const ports = { pg1: 54322, pg2: 54323 };
const sources = {
  state: { ...FIRST_STATE, phase: 'ready' as const, synchronous: 'pg2' as const, stale: [] },
  phases: { pg1: 'running' as const, pg2: 'running' as const },
  reports: { pg1: primary, pg2: replica },
  ports,
  statusUrl: 'http://127.0.0.1:54328',
};

describe('GET /cluster', () => {
  it('shows leader and synchronous standby as Patroni does', () => {
    expect(renderCluster(sources)).toEqual({
      scope: 'pgha-embedded',
      members: [
        {
          name: 'pg1',
          role: 'leader',
          state: 'running',
          api_url: 'http://127.0.0.1:54328/patroni/pg1',
          host: '127.0.0.1',
          port: 54322,
          timeline: 3,
        },
        {
          name: 'pg2',
          role: 'sync_standby',
          state: 'streaming',
          api_url: 'http://127.0.0.1:54328/patroni/pg2',
          host: '127.0.0.1',
          port: 54323,
          timeline: 3,
          lag: 10,
        },
      ],
    });
  });

  it('shows a replica that is gone, and no leader while there is none', () => {
    const { members } = renderCluster({
      ...sources,
      phases: { pg1: 'stopped', pg2: 'stopped' },
      reports: { pg1: null, pg2: null },
    });
    expect(members.map(({ role, state, lag }) => ({ role, state, lag }))).toEqual([
      { role: 'replica', state: 'stopped', lag: 'unknown' },
      { role: 'replica', state: 'stopped', lag: 'unknown' },
    ]);
  });

  it('calls a member that is being built, or does not answer yet, by its state', () => {
    const { members } = renderCluster({
      ...sources,
      phases: { pg1: 'running', pg2: 'building' },
      reports: { pg1: null, pg2: null },
    });
    expect(members.map(({ state }) => state)).toEqual(['starting', 'creating replica']);
  });
});
