import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterView } from '../cluster.ts';
import { type ClusterEvent, type ClusterMemory, foldCluster } from './cluster-events.ts';

type Member = ClusterView['members'][number];

const member = (name: string, role: string, state: string, timeline: number | null = 1): Member => ({
  name,
  role,
  state,
  timeline,
  lag: null,
});
const view = (...members: Member[]): ClusterView => ({
  scope: 'pgha',
  members,
  leader: members.find(({ role }) => role === 'leader')?.name ?? null,
  synchronous: members.some(({ role }) => role === 'sync_standby'),
  timestamp: '2026-11-22T00:00:00.000Z',
});

/** One reading a second; what they tell, without the time where it is that of the reading. */
function story(...readings: (ClusterView | null)[]): ClusterEvent[] {
  let memory: ClusterMemory | null = null;
  return readings.flatMap((reading, index) => {
    const folded = foldCluster(memory, index * 1000, reading);
    memory = folded.memory;
    return folded.events;
  });
}

const calm = view(member('pg1', 'leader', 'running'), member('pg2', 'sync_standby', 'streaming'));
const leaderless = view(member('pg1', 'replica', 'stopped', null), member('pg2', 'replica', 'running'));
const alone = view(member('pg1', 'replica', 'creating replica', null), member('pg2', 'leader', 'running', 2));
const healed = view(member('pg1', 'sync_standby', 'streaming', 2), member('pg2', 'leader', 'running', 2));

describe('foldCluster', () => {
  it('tells a failover as a story', () => {
    expect(story(calm, leaderless, leaderless, alone, healed)).toEqual([
      { at: 1000, kind: 'leader-lost', leader: 'pg1' },
      { at: 1000, kind: 'member-gone', name: 'pg1', state: 'stopped' },
      { at: 3000, kind: 'leader-changed', from: 'pg1', to: 'pg2', withoutMs: 2000 },
      { at: 3000, kind: 'timeline', from: 1, to: 2 },
      { at: 3000, kind: 'synchronous-lost' },
      { at: 4000, kind: 'member-back', name: 'pg1', state: 'streaming' },
      { at: 4000, kind: 'synchronous-back' },
    ]);
  });

  it('tells a change of leader that fell between two readings', () => {
    expect(story(calm, healed)).toEqual([
      { at: 1000, kind: 'leader-changed', from: 'pg1', to: 'pg2', withoutMs: null },
      { at: 1000, kind: 'timeline', from: 1, to: 2 },
    ]);
  });

  it('tells that the same leader is back', () => {
    expect(story(calm, leaderless, calm).filter(({ kind }) => kind.startsWith('leader'))).toEqual([
      { at: 1000, kind: 'leader-lost', leader: 'pg1' },
      { at: 2000, kind: 'leader-back', leader: 'pg1', withoutMs: 1000 },
    ]);
  });

  it('remembers through a time when the members cannot be read', () => {
    expect(story(calm, null, null, healed)).toEqual([
      { at: 1000, kind: 'members-unknown' },
      { at: 3000, kind: 'members-known' },
      { at: 3000, kind: 'leader-changed', from: 'pg1', to: 'pg2', withoutMs: null },
      { at: 3000, kind: 'timeline', from: 1, to: 2 },
    ]);
  });

  it('tells of a member that was removed', () => {
    expect(story(calm, view(member('pg1', 'leader', 'running')))).toEqual([
      { at: 1000, kind: 'member-gone', name: 'pg2', state: 'removed' },
      { at: 1000, kind: 'synchronous-lost' },
    ]);
  });

  it('tells nothing of the first reading', () => {
    expect(story(leaderless)).toEqual([]);
    expect(story(null, null, calm)).toEqual([]);
  });

  const anyMember = (name: string) =>
    fc.record({
      name: fc.constant(name),
      role: fc.constantFrom('replica', 'sync_standby'),
      state: fc.constantFrom('running', 'streaming', 'stopped', 'starting'),
      timeline: fc.option(fc.integer({ min: 1, max: 4 })),
      lag: fc.constant(null),
    });
  const anyReading = fc.option(
    fc
      .tuple(anyMember('pg1'), anyMember('pg2'), anyMember('pg3'), fc.option(fc.nat({ max: 2 })))
      .map(([a, b, c, leader]) =>
        view(
          ...[a, b, c].map((each, index) => (index === leader ? { ...each, role: 'leader', state: 'running' } : each)),
        ),
      ),
  );

  it('tells nothing when nothing has changed', () => {
    fc.assert(
      fc.property(fc.array(anyReading), (readings) => {
        const twice = readings.flatMap((reading) => [reading, reading]);
        const kinds = (events: ClusterEvent[]) => events.map(({ kind }) => kind);
        expect(kinds(story(...twice))).toEqual(kinds(story(...readings)));
      }),
    );
  });

  it('leads from leader to leader without a gap', () => {
    fc.assert(
      fc.property(fc.array(anyReading, { maxLength: 40 }), (readings) => {
        const first = readings.find((reading) => reading?.leader != null)?.leader;
        let leader = first;
        for (const event of story(...readings)) {
          if (event.kind === 'leader-changed') {
            expect(event.from).toBe(leader);
            expect(event.to).not.toBe(event.from);
            leader = event.to;
          }
          if (event.kind === 'leader-lost' || event.kind === 'leader-back') expect(event.leader).toBe(leader);
        }
        expect(leader).toBe(readings.findLast((reading) => reading?.leader != null)?.leader);
      }),
    );
  });

  it('pairs every loss with a return before the next loss', () => {
    fc.assert(
      fc.property(fc.array(anyReading, { maxLength: 40 }), (readings) => {
        const last = new Map<string, string>();
        for (const event of story(...readings)) {
          const [subject, change] =
            event.kind === 'member-gone' || event.kind === 'member-back'
              ? [event.name, event.kind]
              : event.kind.startsWith('synchronous')
                ? ['synchronous', event.kind]
                : event.kind.startsWith('members-')
                  ? ['members', event.kind]
                  : [null, event.kind];
          if (subject === null) continue;
          expect(last.get(subject)).not.toBe(change);
          last.set(subject, change);
        }
      }),
    );
  });
});
