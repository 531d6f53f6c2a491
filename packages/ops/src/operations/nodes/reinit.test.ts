import { defineCluster, nodeNamed, regionOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, done, type FakeCluster, type FakeCommand } from '../../../test/model/fake-cluster.ts';
import { runStep } from '../../step.ts';
import { planReinit } from './restart.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

/** A cluster that writes down whom Patroni was told to build anew. */
function createWorld(): FakeCluster & { built: string[] } {
  const built: string[] = [];
  const reinit: FakeCommand = (_machine, argv) => {
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

  it('is refused for whoever leads a region, with the command that helps', async () => {
    const world = createWorld();
    await expect(reinit(world, 'pg-1')).rejects.toThrow('pg-1 is the primary. Hand over first');
    await expect(reinit(world, 'dr-pg-1')).rejects.toThrow(/leads the standby region.*pgha dr rejoin --rebuild/);
    // nor has it anybody to copy from when it is no member at the moment
    world.regions.get('dr')?.members.clear();
    await expect(reinit(world, 'dr-pg-1')).rejects.toThrow('pgha dr rejoin --rebuild');
    expect(world.built).toEqual([]);
  });
});
