import { defineCluster, nodeNamed, regionOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, done, type FakeCluster } from '../../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import { runStep, type Step } from '../../step.ts';
import { unfinishedKey } from '../engine/record.ts';
import { type OperationRun, runOperation } from '../operation.ts';
import type { NodeSetting } from './replace.ts';
import { planReboot, planReinit, planRestart, readBoot } from './restart.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

/** Machines whose boots are counted, and whose data and processes are of some run. */
function createWorld() {
  const boots = new Map<string, number>();
  const world: FakeCluster = createFakeCluster(cluster, (machine, argv) => {
    if (argv.at(-1) === '/proc/sys/kernel/random/boot_id') return done(`${boots.get(machine) ?? 1}\n`);
    const subject = argv[3] === 'restart' || argv[3] === 'reinit' ? argv[5] : argv[1] === 'restart' ? machine : null;
    if (subject == null) return null;
    renewed.add(`${subject} ${argv[0] === 'systemctl' ? argv[2] : argv[3]}`);
    const member = primary(world).members.get(subject);
    if (member !== undefined && argv[3] === 'reinit') member.state = 'streaming';
    if (leaderOf(world) === subject) disasters.push(`${subject} ${argv[3]} while it led`);
    return null;
  });
  const renewed = new Set<string>();
  const disasters: string[] = [];
  world.installation.power.reboot = async ({ name }) => {
    // the command is killed here too
    await world.installation.host(nodeNamed(cluster, name)).run(['true']);
    boots.set(name, (boots.get(name) ?? 1) + 1);
  };
  return Object.assign(world, { boots, renewed, disasters });
}

type World = ReturnType<typeof createWorld>;

const primary = ({ regions }: FakeCluster) => regions.get('primary') ?? expect.fail('no region');
const leaderOf = (world: FakeCluster) => [...primary(world).members].find(([, { role }]) => role === 'leader')?.[0];

/** The whole command, as commands/nodes.ts runs it. */
async function perform(
  { installation }: World,
  doing: string,
  name: string,
  plan: (setting: NodeSetting, run: OperationRun) => readonly Step[] | Promise<readonly Step[]>,
): Promise<void> {
  const node = nodeNamed(cluster, name);
  const region = regionOf(cluster, node);
  await runOperation(installation, region, doing, async (run) => {
    const steps = await plan({ installation, region, node, signal: run.signal }, run);
    for (const step of steps) await runStep(step, () => undefined);
  });
}

const restart = (world: World, name: string) => perform(world, `nodes restart ${name}`, name, planRestart);
const reinit = (world: World, name: string) => perform(world, `nodes reinit ${name}`, name, planReinit);
const reboot = (world: World, name: string) =>
  perform(world, `nodes restart ${name} --reboot`, name, async (setting, { memory }) => {
    const before = await readBoot(setting);
    return planReboot(setting, await memory.choose('boot', () => before));
  });

const endOf = (world: World) => ({
  boots: [...world.boots],
  renewed: [...world.renewed].sort(),
  disasters: world.disasters,
  unfinished: primary(world).etcd.stored.has(unfinishedKey),
});

describe('a restart', () => {
  it.each([
    ['pg-2', ['pg-2 restart']],
    ['etcd-1', ['etcd-1 etcd.service']],
    ['api-1', ['api-1 pgha-api.service', 'api-1 pgha-read-api.service']],
  ])('renews all that %s serves, wherever it is killed', async (name, wanted) => {
    const places = await killEverywhere(createWorld, (world) => restart(world, name), endOf);
    expect(places).toBeGreaterThan(10);
    const world = createWorld();
    await restart(world, name);
    expect(endOf(world)).toEqual({ boots: [], renewed: wanted, disasters: [], unfinished: false });
  });

  it.each(['pg-2', 'etcd-1', 'api-1'])('reboots %s once, wherever it is killed', async (name) => {
    await killEverywhere(createWorld, (world) => reboot(world, name), endOf);
    const world = createWorld();
    await reboot(world, name);
    expect(endOf(world)).toMatchObject({ boots: [[name, 2]], unfinished: false });
  });

  it('is refused to the primary', async () => {
    const world = createWorld();
    await expect(restart(world, 'pg-1')).rejects.toThrow('pg-1 is the primary');
    await expect(reboot(world, 'pg-1')).rejects.toThrow('pg-1 is the primary');
    expect(endOf(world)).toEqual({ boots: [], renewed: [], disasters: [], unfinished: false });
  });
});

describe('a member that is needed', () => {
  const verbs = { restart, reboot, reinit };
  const withState = (name: string, state: string) => {
    const world = createWorld();
    const member = primary(world).members.get(name);
    if (member) member.state = state;
    return world;
  };

  it.each(Object.entries(verbs))('is left alone by "%s" while another one is away', async (_verb, perform) => {
    const world = withState('pg-3', 'starting');
    await expect(perform(world, 'pg-2')).rejects.toThrow('pg-3 is starting. Recover it first');
    expect(endOf(world)).toMatchObject({ boots: [], renewed: [], unfinished: false });
  });

  it.each([
    ['nobody leads', (world: World) => primary(world).members.delete('pg-1')],
    ['who leads has lost its power and still holds the lease', (world: World) => world.off.add('pg-1')],
  ])('keeps its data while %s', async (_when, lose) => {
    const world = withState('pg-2', 'start failed');
    lose(world);
    await expect(reinit(world, 'pg-2')).rejects.toThrow(/pg-2 may be the only member with the last commits/);
    expect(world.renewed.size).toBe(0);
  });

  it('is not held up by a reboot that has happened when another one fails behind it', async () => {
    const undisturbed = createWorld();
    await reboot(undisturbed, 'pg-2');
    const world = createWorld();
    world.killAfter(undisturbed.commands.indexOf('pg-2: true') + 2);
    await expect(reboot(world, 'pg-2')).rejects.toThrow();
    expect(world.boots.get('pg-2')).toBe(2);
    world.revive();
    let looks = 0;
    const third = primary(world).members.get('pg-3') ?? expect.fail('no pg-3');
    // away for as many looks as the checks before a reboot take
    Object.defineProperty(third, 'state', { get: () => (++looks > 2 ? 'streaming' : 'starting') });
    await reboot(world, 'pg-2');
    expect(endOf(world)).toMatchObject({ boots: [['pg-2', 2]], unfinished: false });
  });

  it('is not the one that is away itself: that is mended', async () => {
    const world = withState('pg-3', 'start failed');
    await reinit(world, 'pg-3');
    expect(endOf(world)).toMatchObject({ renewed: ['pg-3 reinit'], unfinished: false });
  });
});

describe('building a member anew', () => {
  it('throws away the data of that member alone, wherever it is killed', async () => {
    await killEverywhere(createWorld, (world) => reinit(world, 'pg-3'), endOf);
    const world = createWorld();
    await reinit(world, 'pg-3');
    expect(endOf(world)).toMatchObject({ renewed: ['pg-3 reinit'], disasters: [] });
  });

  it('refuses the primary also when the first run was killed and it has become that since', async () => {
    const undisturbed = createWorld();
    await reinit(undisturbed, 'pg-2');
    const world = createWorld();
    world.killAfter(undisturbed.commands.findIndex((command) => command.includes(' reinit ')));
    await expect(reinit(world, 'pg-2')).rejects.toThrow();
    world.revive();
    for (const [name, member] of primary(world).members) member.role = name === 'pg-2' ? 'leader' : 'quorum_standby';
    await expect(reinit(world, 'pg-2')).rejects.toThrow('pg-2 is the primary');
    expect(world.disasters).toEqual([]);
  });
});
