import { defineCluster } from '@pgha/infra/cluster';
import { observeProgram } from '@pgha/infra/machines';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, done, type FakeCluster } from '../../test/model/fake-cluster.ts';
import { killedAtEveryStep, runWhole } from '../../test/model/interruptions.ts';
import { runStep } from '../step.ts';
import { failover, judgeFailover, parseStoredState, planFailover, viewFailover } from './failover.ts';
import { findAllWriters, refuseHiddenPrimary } from './writers.ts';

const stored = (standbys: string, quorum: number, optime = 0x3000000) =>
  parseStoredState(JSON.stringify({ leader: 'a', sync_standby: standbys, quorum }), JSON.stringify({ optime }));
const riskOf = (view: ReturnType<typeof judgeFailover>, name: string) =>
  view.candidates.find((each) => each.name === name)?.risk;

describe('what a failover could lose', () => {
  it('is nothing with the synchronous standby of two nodes', () => {
    const view = judgeFailover(stored('b', 0), [{ name: 'b', lsn: '0/2FFFFFF' }], []);
    expect(view).toMatchObject({ lostPrimary: 'a', lastKnownLsn: '0/3000000' });
    expect(view.candidates[0]).toMatchObject({ behindBytes: 1, isSynchronous: true, risk: null });
  });

  it('is nothing with the farthest of a quorum when every other standby can be asked', () => {
    const seen = [
      { name: 'b', lsn: '0/3000100' },
      { name: 'c', lsn: '0/3000000' },
    ];
    const view = judgeFailover(stored('b,c', 1), seen, []);
    expect(riskOf(view, 'b')).toBeNull();
    expect(riskOf(view, 'c')).toBe('b received more WAL (higher LSN)');
  });

  it('is not known when one that may have confirmed alone is silent', () => {
    const seen = [
      { name: 'b', lsn: '0/3000100' },
      { name: 'c', lsn: null },
    ];
    const view = judgeFailover(stored('b,c', 1), seen, []);
    expect(riskOf(view, 'b')).toBe('c may hold acknowledged commits that it lacks, and did not respond');
    expect(riskOf(view, 'c')).toBe('its PostgreSQL is not responding');
  });

  it('may be anything with a member that did not confirm, and without synchronous replication', () => {
    const seen = [{ name: 'd', lsn: '0/3000100' }];
    expect(riskOf(judgeFailover(stored('b,c', 1), seen, []), 'd')).toContain('was not a synchronous standby');
    expect(riskOf(judgeFailover(parseStoredState(null, null), seen, []), 'd')).toContain('not synchronous');
  });

  it('is never called nothing when a set of standbys that can acknowledge may have more', () => {
    const member = fc.record({
      lsn: fc.option(fc.nat({ max: 20 }), { nil: null }),
      // what it really has: as much as it says, or anything when it is silent
      hidden: fc.nat({ max: 20 }),
    });
    const clusters = fc
      .array(member, { minLength: 1, maxLength: 5 })
      .chain((members) => fc.tuple(fc.constant(members), fc.integer({ min: 1, max: members.length })));
    fc.assert(
      fc.property(clusters, ([members, confirming]) => {
        const names = members.map((_, index) => `m${index}`);
        const state = stored(names.join(','), members.length - confirming);
        const seen = members.map(({ lsn }, index) => ({
          name: `m${index}`,
          lsn: lsn === null ? null : `0/${lsn.toString(16)}`,
        }));
        const view = judgeFailover(state, seen, []);
        const real = members.map(({ lsn, hidden }) => lsn ?? hidden);
        // the farthest position that `confirming` standbys together can have acknowledged
        const acknowledged = real.toSorted((a, b) => b - a)[confirming - 1] ?? 0;
        for (const [index, { risk }] of view.candidates.entries()) {
          if (risk === null) expect(real[index]).toBeGreaterThanOrEqual(acknowledged);
        }
      }),
    );
  });
});

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
const positions = new Map([
  ['pg-1', '0/3000200'],
  ['pg-2', '0/3000000'],
  ['pg-3', '0/3000100'],
]);

/** The primary is lost, nobody may take over by itself; pg-3 has received the most. */
function createLeaderless(): FakeCluster {
  const world: FakeCluster = createFakeCluster(cluster, (machine, argv) => {
    if (argv[0] !== observeProgram) return null;
    const inRecovery = primary(world).members.get(machine)?.role !== 'leader';
    return done(JSON.stringify({ database: { lsn: positions.get(machine), inRecovery, timeline: 1 } }));
  });
  const { members, etcd } = primary(world);
  members.delete('pg-1');
  world.off.add('pg-1');
  const sync = Buffer.from(JSON.stringify({ leader: 'pg-1', sync_standby: 'pg-2,pg-3', quorum: 1 })).toString();
  etcd.stored.set(`/service/${cluster.scope}/sync`, { value: sync, revision: 1, lease: null });
  return world;
}

const primary = ({ regions }: FakeCluster) => regions.get('primary') ?? expect.fail('no region');
const leaderOf = (world: FakeCluster) => [...primary(world).members].find(([, { role }]) => role === 'leader')?.[0];

/** An operator who does not say which member. */
const anyMember = failover({ to: null, acceptDataLoss: false });

/** The primary is cut off from etcd only: it is not in the list any more, and acknowledges writes. */
function createFailsafe(): FakeCluster {
  const world: FakeCluster = createFakeCluster(cluster, (machine, argv) => {
    if (argv[0] !== observeProgram) return null;
    const isPrimary = machine === 'pg-1';
    const patroni = {
      patroni: { role: isPrimary ? 'primary' : 'replica', state: 'running', failsafe_mode_is_active: isPrimary },
      cluster: { members: [] },
    };
    return done(
      JSON.stringify({ patroni, database: { lsn: positions.get(machine), inRecovery: !isPrimary, timeline: 1 } }),
    );
  });
  const { members, etcd } = primary(world);
  members.delete('pg-1');
  const sync = Buffer.from(JSON.stringify({ leader: 'pg-1', sync_standby: 'pg-2,pg-3', quorum: 1 })).toString();
  etcd.stored.set(`/service/${cluster.scope}/sync`, { value: sync, revision: 1, lease: null });
  return world;
}

describe('a failover while a member accepts writes that etcd does not know as the primary', () => {
  const named = /^pg-1 accepts writes \(failsafe mode\) although etcd of us-east-1 has no leader/;

  it.each(['pg-1', 'pg-2', 'pg-3'])('is refused for %s, whoever agrees to a loss', async (candidate) => {
    const { installation } = createFailsafe();
    const view = await viewFailover(installation, cluster.primary);
    const plan = () => planFailover(installation, cluster.primary, view, candidate, true);
    expect(plan).toThrow(named);
    // and its risk is none that a person could take for none
    if (candidate !== 'pg-1')
      expect(riskOf(view, candidate)).toBe('pg-1 accepts writes and keeps acknowledging commits');
  });

  it('is refused when the primary comes back between the plan and its first step', async () => {
    const world = createFailsafe();
    const view = { ...(await viewFailover(world.installation, cluster.primary)), writers: [] };
    const [first] = planFailover(world.installation, cluster.primary, view, 'pg-2', true);
    await expect(runStep(first ?? expect.fail('no step'), () => undefined)).rejects.toThrow(named);
    expect(world.commands.filter((command) => command.includes('patronictl') && command.includes('failover'))).toEqual(
      [],
    );
  });

  it('is refused by the command before it asks for a region, when etcd cannot be read at all', async () => {
    const writers = await findAllWriters(createFailsafe().installation);
    expect(() => refuseHiddenPrimary([{ region: cluster.primary, members: null }], writers)).toThrow(
      /^pg-1 accepts writes \(failsafe mode\) although etcd of us-east-1 cannot be read.*port 2379/,
    );
    const members = [{ name: 'pg-1', isLeader: true }];
    expect(() => refuseHiddenPrimary([{ region: cluster.primary, members }], writers)).not.toThrow();
  });
});

describe('a failover', () => {
  it('promotes the same member once, wherever it is killed, also when the lost primary is back', async () => {
    const places = await killedAtEveryStep(() => anyMember, createLeaderless);
    expect(places).toBeGreaterThan(10);

    const world = createLeaderless();
    await runWhole(anyMember, world);
    expect(leaderOf(world)).toBe('pg-3');
    // the same command again: its way back was killed
    world.off.delete('pg-1');
    primary(world).members.set('pg-1', { role: 'replica', state: 'starting', timeline: 1 });
    await runWhole(anyMember, world);
    expect(leaderOf(world)).toBe('pg-3');
    expect(
      world.commands.filter((command) => command.includes('patronictl') && command.includes('failover')),
    ).toHaveLength(1);
  });
});
