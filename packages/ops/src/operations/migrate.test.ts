import { defineCluster, passwordParameter } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, done } from '../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../test/model/interruptions.ts';
import { hostsOf } from '../installation/installation.ts';
import { runStep } from '../step.ts';
import { unfinishedKey } from './engine/record.ts';
import { planMigration } from './migrate.ts';
import { runOperation } from './operation.ts';
import { actingRegion, viewRegions } from './regions.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 }, dr: null });

/** A database that lacks a migration, and poolers whose connections are from before it. */
function createWorld() {
  const schema: string[] = [];
  const stale = new Set(['pg-1', 'pg-2', 'pg-3']);
  const world = createFakeCluster(cluster, (machine, argv) => {
    if (argv[0] === 'pgha-deploy') return done(JSON.stringify({ current: '1', previous: null, releases: ['1'] }));
    if (argv[0]?.endsWith('/bin/node') === true) {
      const applied = schema.length === 0 ? ['0002-prices'] : [];
      schema.push(...applied);
      return done(JSON.stringify({ applied }));
    }
    if (argv.at(-1) !== `reconnect ${cluster.database}`) return null;
    if (schema.length > 0) stale.delete(machine);
    return done();
  });
  const name = passwordParameter(cluster, 'owner');
  world.stored.get('primary')?.set(name, { value: 'secret', version: 1, changedAt: new Date(), isMirrored: true });
  return Object.assign(world, { schema, stale });
}

type World = ReturnType<typeof createWorld>;

/** The whole command, as commands/migrate.ts runs it. */
async function migrate({ installation }: World): Promise<readonly string[]> {
  const { region } = actingRegion(cluster, await viewRegions(installation));
  const [host] = hostsOf(installation, region, 'api');
  if (host === undefined) return expect.fail('no API server');
  const applied: string[] = [];
  await runOperation(installation, region, 'migrate', async () => {
    for (const step of planMigration(installation, region, host, null, applied)) await runStep(step, () => undefined);
  });
  return applied;
}

describe('a migration', () => {
  it('is applied once and known to every pooler, wherever the command is killed', async () => {
    const places = await killEverywhere(createWorld, migrate, (world) => ({
      schema: world.schema,
      stale: [...world.stale],
      unfinished: world.regions.get('primary')?.etcd.stored.has(unfinishedKey),
    }));
    expect(places).toBeGreaterThan(10);
    const world = createWorld();
    expect(await migrate(world)).toEqual(['0002-prices']);
    expect(world.stale.size).toBe(0);
    expect(await migrate(world)).toEqual([]);
  });

  it('is not kept from its end by a machine that is off', async () => {
    const world = createWorld();
    world.off.add('pg-3');
    expect(await migrate(world)).toEqual(['0002-prices']);
    expect([...world.stale]).toEqual(['pg-3']);
  });
});
