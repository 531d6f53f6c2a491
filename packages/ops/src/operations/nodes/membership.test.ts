import { allNodes, type Cluster, defineCluster, nodeBeyond, nodeNamed, regionOf } from '@pgha/infra/cluster';
import { poolLimits } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import {
  createFakeCluster,
  done,
  type FakeCluster,
  type FakeCommand,
  failed,
} from '../../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import { inMemoryStore, parameterNames, secretsInit } from '../../secrets/index.ts';
import { runStep, type Step } from '../../step.ts';
import { runOperation } from '../operation.ts';
import { planAddition, planDeparture } from './membership.ts';

const clusterOf = (postgres: 2 | 3, etcd: 3 | 5) =>
  defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres, etcd }, dr: null });
const small = clusterOf(2, 3);
const store = inMemoryStore();
await secretsInit(small, store, new Date());
const secrets = await store.read(parameterNames(small));

/**
 * A cluster whose configuration has just changed. A machine knows the names of those its configuration had when it was last applied,
 * and what it does not know does not answer it: in the lab the names are a file.
 *
 * @param there every machine that runs.
 */
function createWorld(cluster: Cluster, there: readonly string[]) {
  const made = new Map<string, number>();
  const removed: string[] = [];
  /** Who was brought to the new configuration. */
  const applied = new Set<string>();
  const knows = (machine: string, hostname: string) =>
    allNodes(applied.has(machine) ? cluster : small).some((node) => node.hostname === hostname);
  const extra: FakeCommand = (machine, [command, ...argv], { input = '' }) => {
    if (command === 'pgha-machine' && argv[0] === 'diff') {
      const files = applied.has(machine) ? [] : ['/etc/hosts'];
      return done(JSON.stringify({ packages: [], files, removed: [], actions: {}, units: [] }));
    }
    if (command === 'pgha-machine') applied.add(machine);
    if (command === 'pgha-machine' || command === 'sh') return done();
    if (command !== 'pgha-etcdctl') return null;
    const { etcd } = primary(world);
    const seen = etcd.members.filter(({ hostname, hasStarted }) => hasStarted && knows(machine, hostname));
    if (argv[0] === 'endpoint') {
      return done(JSON.stringify(seen.map(({ hostname }) => ({ endpoint: `https://${hostname}:2379`, health: true }))));
    }
    // etcd's own strictness (ETCD_STRICT_RECONFIG_CHECK)
    if (argv[1] === 'add' && seen.length < etcd.members.length) return failed('Error: etcdserver: unhealthy cluster');
    return etcd.run(argv, input);
  };
  const world = createFakeCluster(cluster, extra);
  const { members, etcd } = primary(world);
  for (const node of allNodes(cluster)) {
    if (there.includes(node.name)) continue;
    world.off.add(node.name);
    members.delete(node.name);
  }
  etcd.members.splice(3);
  for (const name of there) {
    const node = nodeBeyond(cluster, name)?.node;
    if (node?.role === 'postgres' && !members.has(name)) {
      members.set(name, { role: 'quorum_standby', state: 'streaming', timeline: 1 });
    }
    if (node?.role !== 'etcd' || etcd.members.some((member) => member.name === name)) continue;
    etcd.members.push({ id: name, name, hostname: node.hostname, hasStarted: true });
  }
  for (const [name, value] of secrets)
    world.stored.get('primary')?.set(name, { value, version: 1, changedAt: new Date(), isMirrored: true });
  const { power } = world.installation;
  const isOff = new Set<string>();
  power.state = async ({ name }) => {
    if (isOff.has(name)) return 'off';
    return there.includes(name) || made.has(name) ? 'running' : 'missing';
  };
  const cut = power.cut;
  power.cut = async (node) => {
    await cut(node);
    isOff.add(node.name);
  };
  /** What Terraform, or the lab, does; a command on a machine stands for it, so that it may be killed there too. */
  const stand = () => world.installation.host(nodeNamed(cluster, 'bastion-1')).run(['true']);
  return Object.assign(world, {
    made,
    removed,
    make: async (name: string) => {
      await stand();
      made.set(name, (made.get(name) ?? 0) + 1);
      applied.add(name);
      world.off.delete(name);
      const announced = etcd.members.find(({ hostname }) => hostname.startsWith(`${name}.`));
      if (announced !== undefined) Object.assign(announced, { hasStarted: true, name });
      else if (name.startsWith('pg-')) members.set(name, { role: 'quorum_standby', state: 'streaming', timeline: 1 });
    },
    remove: async (name: string) => {
      await stand();
      members.delete(name);
      removed.push(name);
    },
  });
}

type World = ReturnType<typeof createWorld>;

const primary = ({ regions }: FakeCluster) => regions.get('primary') ?? expect.fail('no region');
const etcdNames = (world: FakeCluster) => primary(world).etcd.members.map(({ hostname }) => hostname.split('.')[0]);

/** The whole commands, as commands/nodes.ts runs them. */
async function add(world: World, name: string): Promise<void> {
  const { installation } = world;
  const node = nodeNamed(installation.cluster, name);
  const region = regionOf(installation.cluster, node);
  const newMachine: Step = {
    title: 'a new machine',
    isNeeded: async () => (await installation.power.state(node)) !== 'running',
    run: () => world.make(name),
  };
  await perform(world, `nodes add ${name}`, (signal) =>
    planAddition({ installation, region, node, signal }, [newMachine]),
  );
}

async function remove(world: World, name: string): Promise<void> {
  const { installation } = world;
  const { node, region } = nodeBeyond(installation.cluster, name) ?? expect.fail(name);
  const removal: Step = { title: 'no machine', run: () => world.remove(name) };
  await perform(world, `nodes remove ${name}`, (signal) =>
    planDeparture({ installation, region, node, signal }, [removal]),
  );
}

async function perform(world: World, doing: string, plan: (signal: AbortSignal) => readonly Step[]): Promise<void> {
  const { installation } = world;
  await runOperation(installation, installation.cluster.primary, doing, async ({ signal }) => {
    for (const step of plan(signal)) await runStep(step, () => undefined);
  });
}

const names = (cluster: Cluster) => allNodes(cluster).map(({ name }) => name);
const endOf = (world: World) => ({
  made: [...world.made],
  removed: new Set(world.removed),
  etcd: primary(world).etcd.members.map(({ hostname, hasStarted }) => `${hostname} ${hasStarted}`),
  members: [...primary(world).members.keys()],
  off: [...world.off],
});

describe('more machines', () => {
  it('are added to etcd two in a row, each by members that know its name, and votes while it starts', async () => {
    const world = createWorld(clusterOf(2, 5), names(small));
    await add(world, 'etcd-4');
    await add(world, 'etcd-5');
    expect(etcdNames(world)).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4', 'etcd-5']);
    expect(primary(world).etcd.members.every(({ hasStarted }) => hasStarted)).toBe(true);
    const order = ['etcd-3: pgha-machine apply', 'member add etcd-4', 'bastion-1: true', 'member add etcd-5'].map(
      (word) => world.commands.findIndex((command) => command.includes(word)),
    );
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order[0]).toBeGreaterThan(0);
  });

  it('leave room for the connections of a member before it is made, so that the pools never exceed the server', async () => {
    const cluster = clusterOf(3, 3);
    const world = createWorld(cluster, names(small));
    await add(world, 'pg-3');
    const limit = `set max_db_connections = ${poolLimits(cluster, cluster.primary).maxDbConnections}`;
    const at = (word: string) => world.commands.findIndex((command) => command.includes(word));
    for (const member of ['pg-1', 'pg-2']) {
      const place = world.commands.findIndex((command) => command.startsWith(member) && command.includes(limit));
      expect(place, member).toBeGreaterThan(0);
      expect(place).toBeLessThan(at('bastion-1: true'));
    }
    expect(poolLimits(small, small.primary).maxDbConnections).toBeGreaterThan(
      poolLimits(cluster, cluster.primary).maxDbConnections,
    );
  });

  it.each([
    ['etcd-4', clusterOf(2, 5)],
    ['pg-3', clusterOf(3, 3)],
  ])('are one new %s, wherever the command is killed', async (name, cluster) => {
    const places = await killEverywhere(
      () => createWorld(cluster, names(small)),
      (world) => add(world, name),
      endOf,
    );
    expect(places).toBeGreaterThan(20);
  });
});

describe('fewer machines', () => {
  it('are taken out of etcd one by one', async () => {
    const world = createWorld(small, names(clusterOf(2, 5)));
    await remove(world, 'etcd-5');
    await remove(world, 'etcd-4');
    expect(etcdNames(world)).toEqual(['etcd-1', 'etcd-2', 'etcd-3']);
    expect(world.removed).toEqual(['etcd-5', 'etcd-4']);
  });

  it.each(['etcd-5', 'pg-3'])('lack %s, wherever the command is killed', async (name) => {
    const places = await killEverywhere(
      () => createWorld(small, names(clusterOf(3, 5))),
      (world) => remove(world, name),
      endOf,
    );
    expect(places).toBeGreaterThan(20);
  });

  it('are refused while another member is away', async () => {
    const world = createWorld(small, names(clusterOf(3, 3)));
    const second = primary(world).members.get('pg-2');
    if (second) second.state = 'starting';
    await expect(remove(world, 'pg-3')).rejects.toThrow('pg-2 is starting. Recover it first');
    expect(world.removed).toEqual([]);
  });

  it('are refused while etcd, which still counts five, would be left with too few', async () => {
    const world = createWorld(small, names(clusterOf(2, 5)));
    const third = primary(world).etcd.members.find(({ name }) => name === 'etcd-3');
    if (third) third.hasStarted = false;
    await expect(remove(world, 'etcd-5')).rejects.toThrow(
      'only 2 of the other etcd members are healthy, 3 are required',
    );
    expect(etcdNames(world)).toHaveLength(5);
  });
});
