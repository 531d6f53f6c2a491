import { allNodes, defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, type FakeCluster, type FakeCommand } from '../../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import { runStep } from '../../step.ts';
import { runOperation } from '../operation.ts';
import { actingRegion, viewRegions } from '../regions.ts';
import { orderOfUpgrade, planMinorUpgrade, viewUpgrades } from './minor.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

/** Every machine has an old package; a database machine's and an etcd member's unit has to restart for it. */
function createWorld() {
  const old = new Set(allNodes(cluster).map(({ name }) => name));
  const pending = new Map<string, string>();
  /** `machine: unit`, and whether the machine led then. */
  const restarts: string[] = [];
  const state = (machine: string) => ({
    exitCode: 0,
    stderr: '',
    stdout: JSON.stringify({
      available: old.has(machine) ? [{ package: 'served', from: '1', to: '2' }] : [],
      pending: pending.has(machine) ? [pending.get(machine)] : [],
    }),
  });
  const world: FakeCluster = createFakeCluster(cluster, ((machine, [command, verb]) => {
    if (command !== '/usr/local/sbin/pgha-upgrade') return null;
    if (verb === 'install' && old.delete(machine)) {
      const unit = /pg-\d$/.test(machine) ? 'patroni.service' : machine.includes('etcd') ? 'etcd.service' : null;
      if (unit !== null) pending.set(machine, unit);
    }
    if (verb === 'restart') {
      pending.delete(machine);
      const led = world.regions.get('primary')?.members.get(machine)?.role === 'leader';
      restarts.push(`${machine}${led ? ' while it led' : ''}`);
    }
    return state(machine);
  }) satisfies FakeCommand);
  return Object.assign(world, { old, pending, restarts });
}

type World = ReturnType<typeof createWorld>;

async function upgrade({ installation }: FakeCluster): Promise<void> {
  const { region, members } = actingRegion(cluster, await viewRegions(installation));
  const machines = await viewUpgrades(installation);
  const primary = members?.find(({ role }) => role === 'leader')?.name ?? null;
  await runOperation(installation, region, 'upgrade minor', async ({ signal }) => {
    for (const step of planMinorUpgrade(installation, machines, primary, signal)) await runStep(step, () => undefined);
  });
}

describe('a minor upgrade', () => {
  it('goes through etcd, the standby region, replicas and last the primary, which hands over', async () => {
    const world = createWorld();
    await upgrade(world);
    expect(world.restarts).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'dr-etcd-1', 'dr-pg-1', 'pg-2', 'pg-3', 'pg-1']);
    expect(world.old.size + world.pending.size).toBe(0);
  });

  it('leaves everything upgraded wherever it is killed, and never restarts a server that leads', async () => {
    await killEverywhere(createWorld, upgrade, (world) => {
      const { old, pending, restarts } = world as World;
      return { left: [...old, ...pending.keys()], whileLeading: restarts.filter((each) => each.includes('led')) };
    });
  }, 60_000);

  it('has a place for every machine in its order', () => {
    const nodes = allNodes(cluster);
    const order = orderOfUpgrade(nodes, new Set(['pg-2']));
    expect(order.map(({ name }) => name).sort()).toEqual(nodes.map(({ name }) => name).sort());
  });
});
