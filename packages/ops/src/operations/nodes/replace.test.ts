import { defineCluster, nodeNamed, regionOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, type FakeCluster, type FakeCommand } from '../../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import { runStep, type Step } from '../../step.ts';
import { runOperation } from '../operation.ts';
import { isNewMachine, planReplacement, readIdentity } from './replace.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

/** A cluster whose machines have an identity, which a new machine in their place changes. */
function createWorld(disturbance: FakeCommand = () => null) {
  const made = new Map<string, number>();
  const identityOf = (name: string) => `${name} ${made.get(name) ?? 1}`;
  const extra: FakeCommand = (machine, argv, options) =>
    argv[0] === 'cat' && argv[1] === '/etc/machine-id'
      ? { exitCode: 0, stdout: identityOf(machine), stderr: '' }
      : disturbance(machine, argv, options);
  const world = createFakeCluster(cluster, extra);
  return Object.assign(world, {
    made,
    /** What Terraform, or the lab, does; a command on a machine stands for it, so that it may be killed there too. */
    renew: async (name: string) => {
      await world.installation.host(nodeNamed(cluster, 'bastion-1')).run(['true']);
      made.set(name, (made.get(name) ?? 1) + 1);
      const etcd = world.regions.get('primary')?.etcd;
      const announced = etcd?.members.find((member) => member.hostname.startsWith(`${name}.`));
      if (announced !== undefined) announced.hasStarted = true;
    },
  });
}

type World = ReturnType<typeof createWorld>;

/** The whole command, as commands/nodes.ts runs it. */
async function replace(world: FakeCluster, name: string): Promise<void> {
  const { installation } = world;
  const node = nodeNamed(cluster, name);
  const region = regionOf(cluster, node);
  const host = {
    ...installation.host(node),
    // the model's files are no machine's
    readFile: async () => (await installation.host(node).run(['cat', '/etc/machine-id'])).stdout,
  };
  await runOperation(installation, region, `nodes replace ${name}`, async ({ memory, signal }) => {
    const now = await readIdentity(host);
    const before = await memory.choose('machine', () => now ?? '');
    const isThere = () => isNewMachine(host, before);
    const newMachine: Step = {
      title: 'a new machine',
      isNeeded: async () => !(await isThere()),
      run: () => (world as World).renew(name),
    };
    const maker = { steps: [newMachine], isThere };
    for (const step of planReplacement({ installation, region, node, signal }, maker)) {
      await runStep(step, () => undefined);
    }
  });
}

const etcdOf = (world: FakeCluster) => world.regions.get('primary')?.etcd ?? expect.fail('no etcd');

describe('replacing a machine', () => {
  it('goes on when the member that is taken out was etcd’s leader, and stopped before it could answer', async () => {
    let removals = 0;
    const world: World = createWorld((_machine, argv) => {
      if (argv[0] !== 'pgha-etcdctl' || argv[2] !== 'remove') return null;
      removals += 1;
      if (removals > 1) return null;
      const { members } = etcdOf(world);
      members.splice(
        members.findIndex(({ id }) => id === argv[3]),
        1,
      );
      return { exitCode: 1, stdout: '', stderr: 'Error: etcdserver: server stopped' };
    });
    await replace(world, 'etcd-2');
    expect(etcdOf(world).members).toHaveLength(3);
    expect(removals).toBe(1);
  });

  it('takes an etcd member out and announces it before the empty one comes', async () => {
    const world = createWorld();
    const before = etcdOf(world).members.map(({ id }) => id);
    await replace(world, 'etcd-2');
    const after = etcdOf(world).members;
    expect(after.map(({ hostname }) => hostname.split('.')[0]).sort()).toEqual(['etcd-1', 'etcd-2', 'etcd-3']);
    expect(after.filter(({ id }) => !before.includes(id))).toMatchObject([{ name: 'etcd-2', hasStarted: true }]);
    const order = ['member remove', 'member add', 'bastion-1: true'].map((word) =>
      world.commands.findIndex((command) => command.includes(word)),
    );
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it.each(['etcd-2', 'pg-3', 'api-1'])('makes one new %s wherever it is killed', async (name) => {
    await killEverywhere(
      createWorld,
      (world) => replace(world, name),
      (world) => ({
        made: (world as World).made.get(name),
        members: etcdOf(world).members.map(({ hostname, hasStarted }) => `${hostname} ${hasStarted}`),
      }),
    );
  });

  it('refuses the primary, and any machine while another member is away', async () => {
    const world = createWorld();
    await expect(replace(world, 'pg-1')).rejects.toThrow(
      'pg-1 is the primary. Switch over first: pgha switchover --to pg-2',
    );
    const second = world.regions.get('primary')?.members.get('pg-2');
    if (second) second.state = 'starting';
    await expect(replace(world, 'pg-3')).rejects.toThrow('pg-2 is starting. Recover it first');
    expect(world.made.size).toBe(0);
  });

  it('refuses an etcd member while the others have no quorum', async () => {
    const world = createWorld();
    const third = etcdOf(world).members.find(({ name }) => name === 'etcd-3');
    if (third) third.hasStarted = false;
    await expect(replace(world, 'etcd-2')).rejects.toThrow(
      'only 1 of the other etcd members are healthy, 2 are required',
    );
  });
});
