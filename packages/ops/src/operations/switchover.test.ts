import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, type FakeCluster } from '../../test/model/fake-cluster.ts';
import { killedAtEveryStep, runWhole } from '../../test/model/interruptions.ts';
import { unfinishedKey } from './engine/record.ts';
import { switchover } from './switchover.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

const primary = ({ regions }: FakeCluster) => regions.get('primary') ?? expect.fail('no region');
const leaderOf = (world: FakeCluster) => [...primary(world).members].find(([, { role }]) => role === 'leader')?.[0];

describe('a planned switchover', () => {
  it('hands over to a member that confirms commits', async () => {
    const world = createFakeCluster(cluster);
    expect(await runWhole(switchover(null), world)).toEqual({ from: 'pg-1', to: 'pg-2' });
    expect(leaderOf(world)).toBe('pg-2');
  });

  it('pauses every pooler before it hands over', async () => {
    const world = createFakeCluster(cluster);
    await runWhole(switchover(null), world);
    const at = (word: string) => world.commands.flatMap((command, index) => (command.includes(word) ? [index] : []));
    expect(at('guard hold')).toHaveLength(3);
    expect(Math.max(...at('guard hold'))).toBeLessThan(at('switchover pgha')[0] ?? 0);
  });

  it('comes to the same end wherever it is killed, and does not switch twice', async () => {
    const places = await killedAtEveryStep(
      () => switchover(null),
      () => createFakeCluster(cluster),
      leaderOf,
    );
    expect(places).toBeGreaterThan(15);
  });

  it('is refused when nobody can take over', async () => {
    const world = createFakeCluster(cluster);
    for (const [name, member] of primary(world).members) if (name !== 'pg-1') member.state = 'starting';
    await expect(runWhole(switchover(null), world)).rejects.toThrow(
      'no failover candidate is available: pg-2 is starting; pg-3 is starting',
    );
    expect(primary(world).etcd.stored.has(unfinishedKey)).toBe(false);
  });

  it('refuses a member that could not have every commit, by its name', async () => {
    const world = createFakeCluster(cluster);
    const second = primary(world).members.get('pg-2');
    if (second) second.role = 'replica';
    await expect(runWhole(switchover('pg-2'), world)).rejects.toThrow('pg-2 is not a synchronous standby');
    await expect(runWhole(switchover('pg-9'), world)).rejects.toThrow('unknown member "pg-9"');
    expect(leaderOf(world)).toBe('pg-1');
  });
});
