import { defineCluster, nodeNamed, regionOf } from '@pgha/infra/cluster';
import { observeProgram } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, done, type FakeCluster, type FakeCommand } from '../../../test/model/fake-cluster.ts';
import { runStep } from '../../step.ts';
import { planReinit } from './restart.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

/** A cluster that writes down whom Patroni was told to build anew. */
function createWorld(writer: string | null = null): FakeCluster & { built: string[] } {
  const built: string[] = [];
  const reinit: FakeCommand = (machine, argv) => {
    if (argv[0] === observeProgram) {
      const isPrimary = machine === writer;
      const self = { role: isPrimary ? 'primary' : 'replica', state: 'running', failsafe_mode_is_active: true };
      return done(
        JSON.stringify({
          patroni: { patroni: self, cluster: { error: 'none' } },
          database: { inRecovery: !isPrimary },
        }),
      );
    }
    if (argv[0] !== 'patronictl' || !argv.includes('reinit')) return null;
    built.push(argv.at(argv.indexOf('reinit') + 2) ?? '');
    return done();
  };
  return Object.assign(createFakeCluster(cluster, reinit), { built });
}

async function reinit({ installation }: FakeCluster, name: string): Promise<void> {
  const node = nodeNamed(cluster, name);
  const setting = { installation, region: regionOf(cluster, node), node, signal: installation.signal };
  for (const step of planReinit(setting)) await runStep(step, () => undefined);
}

describe('building a member anew', () => {
  it('is Patroni’s for a replica', async () => {
    const world = createWorld();
    await reinit(world, 'pg-2');
    expect(world.built).toEqual(['pg-2']);
  });

  it('is refused for every member while the primary holds on without etcd, by its name', async () => {
    const world = createWorld('pg-1');
    world.regions.get('primary')?.members.delete('pg-1');
    for (const name of ['pg-1', 'pg-2', 'pg-3']) {
      await expect(reinit(world, name)).rejects.toThrow(/^pg-1 accepts writes \(failsafe mode\)/);
    }
    expect(world.built).toEqual([]);
  });

  it('is refused where nobody leads, and waits for the automatic failover', async () => {
    const world = createWorld();
    world.regions.get('primary')?.members.delete('pg-1');
    await expect(reinit(world, 'pg-1')).rejects.toThrow(/wait for the automatic failover/);
    expect(world.built).toEqual([]);
  });

  it('is refused for whoever leads a region, with the command that helps', async () => {
    const world = createWorld();
    await expect(reinit(world, 'pg-1')).rejects.toThrow('pg-1 is the primary. Switch over first');
    await expect(reinit(world, 'dr-pg-1')).rejects.toThrow(/is the standby leader.*pgha dr rejoin --rebuild/);
    // nor has it anybody to copy from when it is no member at the moment
    world.regions.get('dr')?.members.clear();
    await expect(reinit(world, 'dr-pg-1')).rejects.toThrow('pgha dr rejoin --rebuild');
    expect(world.built).toEqual([]);
  });
});
