import { defineCluster } from '@pgha/infra/cluster';
import { epochKey, fullBackupKey, observeProgram } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { createFakeRegions, type FakeRegions } from '../../../test/model/fake-regions.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import { runStep, type Step } from '../../step.ts';
import { unfinishedKey } from '../engine/record.ts';
import { runOperation } from '../operation.ts';
import { isDenied } from './bucket-policy.ts';
import { confirmMembers } from './confirm.ts';
import { drillRegion } from './drill.ts';
import { bringBack, failBack } from './failback.ts';
import { failOverRegion } from './failover.ts';
import { fenceRegion } from './fence.ts';
import { moveRegion } from './move.ts';
import { runOnBothRegions } from './two-regions.ts';

const cluster = defineCluster({
  adminCidrs: ['192.0.2.0/24'],
  primary: { postgres: 3 },
  dr: { apiServer: true },
});
const { primary, dr } = cluster;
if (dr === null) throw new Error('two regions');
const perform = async (steps: readonly Step[]) => {
  for (const step of steps) await runStep(step, () => undefined);
};
const unfenced = { acceptUnfenced: false, althoughItAnswers: false };

/** The primary region's database machines lose their power. */
const lose = (world: FakeRegions) => {
  for (const name of ['pg-1', 'pg-2', 'pg-3']) world.off.add(name);
  return world;
};
const failover = (world: FakeRegions, terms = unfenced) => failOverRegion(world.installation, terms, perform);
const switchover = ({ installation }: FakeRegions, to: typeof primary) =>
  runOnBothRegions(installation, [primary, dr], `dr switchover --to ${to.awsRegion}`, (run) =>
    moveRegion(installation, to, run, perform),
  );
const rebuild = ({ installation }: FakeRegions) => bringBack(installation, true, perform);
const failback = (world: FakeRegions) => failBack(world.installation, perform);

/** Everything that has to come out the same. */
const endOf = (world: FakeRegions) => ({
  regions: Object.fromEntries(
    [...world.regions].map(([kind, { config, members, etcd }]) => [
      kind,
      {
        epoch: config[epochKey],
        wanted: config[fullBackupKey] ?? null,
        standby: config['standby_cluster'] ?? null,
        slots: config['slots'] ?? null,
        pause: config['pause'] ?? null,
        roles: [...members].map(([name, { role, state }]) => `${name} ${role} ${state}`),
        unfinished: etcd.stored.has(unfinishedKey),
      },
    ]),
  ),
  denied: [...world.policies].map(([bucket, policy]) => [bucket, isDenied(policy, primary), isDenied(policy, dr)]),
  services: [...world.services].sort(),
  backups: [...world.backups],
  rebuilt: [...world.rebuilt].sort(),
  kept: [...world.kept].map((name) => name.replace(/\d{8}t\d{6}/, 'MOMENT')),
  wasSplit: world.wasSplit,
});

describe('a failover of the region', () => {
  it('fences the lost region, promotes the other one with the next epoch, and turns the API servers', async () => {
    const world = lose(createFakeRegions(cluster));
    const result = await failover(world);
    expect(result).toMatchObject({
      from: 'us-east-1',
      to: 'us-west-2',
      epoch: 2,
      isFenced: true,
      backup: { repository: 2, timeline: 2, machine: 'dr-pg-1', state: 'ended', label: 'full of 2' },
    });
    const end = endOf(world);
    expect(end.regions['dr']).toMatchObject({
      epoch: 2,
      standby: null,
      slots: null,
      // whichever machine leads takes it again until it is there
      wanted: { repository: 2, timeline: 2 },
      roles: ['dr-pg-1 leader running'],
    });
    expect(end.denied).toHaveLength(2);
    expect(end.denied.every(([, isShutOut]) => isShutOut)).toBe(true);
    expect(end).toMatchObject({
      backups: [2],
      services: [
        ['api-1', 'us-west-2'],
        ['dr-api-1', 'us-west-2'],
      ],
    });
  });

  it('is refused while the primary region answers, and cuts it off when a person insists', async () => {
    const world = createFakeRegions(cluster);
    await expect(failover(world)).rejects.toThrow(/us-east-1 is reachable and has a primary/);
    expect(world.off.size).toBe(0);
    await failover(world, { ...unfenced, althoughItAnswers: true });
    expect([...world.off].sort()).toEqual(['pg-1', 'pg-2', 'pg-3']);
    expect(world.wasSplit).toBe(false);
  });

  it('is refused while a member of it accepts writes that its own etcd does not name, unless a person insists', async () => {
    const world = createFakeRegions(cluster);
    // its leader key has run out, on both sides
    world.regions.get('primary')?.members.delete('pg-1');
    const { host } = world.installation;
    const patroni = { role: 'primary', state: 'running', failsafe_mode_is_active: true };
    const self = JSON.stringify({ patroni: { patroni, cluster: { members: [] } }, database: { inRecovery: false } });
    world.installation.host = (node) => ({
      ...host(node),
      run: async (argv, options) =>
        argv[0] === observeProgram && node.name === 'pg-1' && !world.off.has('pg-1')
          ? { exitCode: 0, stdout: self, stderr: '' }
          : host(node).run(argv, options),
    });
    await expect(failover(world)).rejects.toThrow(/^pg-1 of us-east-1 accepts writes \(failsafe mode\)/);
    expect(world.off.size).toBe(0);
    await failover(world, { ...unfenced, althoughItAnswers: true });
    expect([...world.off].sort()).toEqual(['pg-1', 'pg-2', 'pg-3']);
  });

  it('does not promote while a machine of the lost region may still run, unless a person accepts that', async () => {
    const world = lose(createFakeRegions(cluster));
    world.off.delete('pg-2');
    const { power } = world.installation;
    power.cut = async ({ name }) => {
      throw new Error(`EC2 does not stop ${name}`);
    };
    await expect(failover(world)).rejects.toThrow(
      /fencing of us-east-1 could not be verified: pg-2 may still be running/,
    );
    expect(world.regions.get('dr')?.config).toHaveProperty('standby_cluster');
    expect(await failover(world, { ...unfenced, acceptUnfenced: true })).toMatchObject({ isFenced: false, epoch: 2 });
  });

  it('cuts a machine off that was switched on after the region had been fenced', async () => {
    const world = lose(createFakeRegions(cluster));
    await fenceRegion(world.installation, primary, () => undefined);
    const switchOnFirst = async (steps: readonly Step[]) => {
      world.off.delete('pg-1');
      await perform(steps);
    };
    expect(await failOverRegion(world.installation, unfenced, switchOnFirst)).toMatchObject({ isFenced: true });
    expect(world.off).toContain('pg-1');
    expect(world.wasSplit).toBe(false);
  });

  it('is refused when the standby has nobody to promote', async () => {
    const world = lose(createFakeRegions(cluster));
    world.regions.get('dr')?.members.clear();
    await expect(failover(world)).rejects.toThrow(/us-west-2 has no leader/);
    expect(world.policies.size).toBe(0);
  });

  it('is refused once it is over', async () => {
    const world = lose(createFakeRegions(cluster));
    await failover(world);
    await expect(failover(world)).rejects.toThrow(/us-west-2 is already the active region/);
    // the epochs say so, whoever leads or is back
    world.off.clear();
    world.regions.get('dr')?.members.clear();
    await expect(failover(world)).rejects.toThrow(/us-west-2 is already the active region/);
  });

  it('takes an etcd that does not answer for no answer, not for a region that does not act', async () => {
    const world = lose(createFakeRegions(cluster));
    world.silentAfterPromotion = 2;
    await failover(world);
    expect(world.silentAfterPromotion).toBe(0);
    expect(endOf(world).regions['dr']).toMatchObject({ epoch: 2, unfinished: false });
  });

  it('comes to the same end wherever it is killed', async () => {
    const places = await killEverywhere(
      () => lose(createFakeRegions(cluster)),
      (world) => failover(world),
      endOf,
    );
    expect(places).toBeGreaterThan(20);
  });
});

describe('a planned move', () => {
  it('loses nothing and never has two primaries', async () => {
    const world = createFakeRegions(cluster);
    await switchover(world, dr);
    const end = endOf(world);
    expect(end.regions).toMatchObject({
      primary: { epoch: 2, slots: null, pause: null, standby: { primary_slot_name: 'home' } },
      dr: { epoch: 2, standby: null, slots: { home: { type: 'physical' } } },
    });
    expect(end.regions['primary']?.roles).toContain('pg-1 standby_leader streaming');
    expect(world).toMatchObject({ wasSplit: false, backups: new Set([2]) });
    await switchover(world, primary);
    expect(endOf(world).regions).toMatchObject({
      primary: { epoch: 3, standby: null, slots: { dr: { type: 'physical' } } },
      dr: { epoch: 3, slots: null, standby: { primary_slot_name: 'dr' } },
    });
  });

  it('keeps what an operator set with patronictl edit-config in both regions, there and back', async () => {
    const world = createFakeRegions(cluster);
    const own = (kind: 'primary' | 'dr') => world.regions.get(kind)?.config ?? {};
    const etl = { type: 'logical', database: 'pgha', plugin: 'pgoutput' };
    const logical = { parameters: { wal_level: 'logical' } };
    Object.assign(own('primary'), { slots: { dr: { type: 'physical' }, etl }, postgresql: structuredClone(logical) });
    Object.assign(own('dr'), { slots: { report: { type: 'physical' } } });
    await switchover(world, dr);
    expect(own('primary')).toMatchObject({ postgresql: logical, standby_cluster: { primary_slot_name: 'home' } });
    expect(own('primary')['slots']).toMatchObject({ etl });
    expect(own('dr')['slots']).toEqual({ report: { type: 'physical' }, home: { type: 'physical' } });
    await switchover(world, primary);
    expect(own('primary')['slots']).toEqual({ etl, dr: { type: 'physical' } });
    expect(own('primary')).toMatchObject({ postgresql: logical });
    expect(own('dr')['slots']).toEqual({ report: { type: 'physical' } });
  });

  it('goes back when the standby did not get everything', async () => {
    const world = createFakeRegions(cluster);
    world.isLinked = false;
    await expect(switchover(world, dr)).rejects.toThrow(/has not arrived/);
    const end = endOf(world);
    expect(end.regions['primary']).toMatchObject({ pause: null, standby: null });
    expect(end.regions['primary']?.roles).toContain('pg-1 leader running');
    expect(end.services).toEqual([
      ['api-1', 'us-east-1'],
      ['dr-api-1', 'us-east-1'],
    ]);
  });

  it('is refused when a member is not well', async () => {
    const world = createFakeRegions(cluster);
    const member = world.regions.get('primary')?.members.get('pg-2');
    if (member) member.state = 'starting';
    await expect(switchover(world, dr)).rejects.toThrow('pg-2 is starting');
    expect(endOf(world).regions['primary']).toMatchObject({ unfinished: false });
  });

  it('comes to the same end wherever it is killed', async () => {
    const places = await killEverywhere(
      () => createFakeRegions(cluster),
      (world) => switchover(world, dr),
      endOf,
    );
    expect(places).toBeGreaterThan(30);
  });
});

describe('a standby region whose copy differs', () => {
  it('gets its data anew although it streams, and only when that was asked for', async () => {
    const world = createFakeRegions(cluster);
    const before = endOf(world).regions;
    await bringBack(world.installation, false, perform);
    expect(world.rebuilt.size).toBe(0);
    expect(await rebuild(world)).toMatchObject({ region: 'us-west-2', acting: 'us-east-1', lost: [{ lost: null }] });
    const end = endOf(world);
    expect(end).toMatchObject({ rebuilt: ['dr-pg-1'], wasSplit: false });
    expect(end.regions['primary']).toMatchObject({ epoch: before['primary']?.epoch, standby: null });
    expect(end.regions['dr']).toMatchObject({ roles: ['dr-pg-1 standby_leader streaming'] });
  });

  it('may be the primary region, once the second one acts', async () => {
    const world = createFakeRegions(cluster);
    await switchover(world, dr);
    expect(await rebuild(world)).toMatchObject({ region: 'us-east-1', acting: 'us-west-2' });
    expect([...world.rebuilt].sort()).toEqual(['pg-1', 'pg-2', 'pg-3']);
  });

  it('is rebuilt wherever the command is killed', async () => {
    const places = await killEverywhere(() => createFakeRegions(cluster), rebuild, endOf);
    expect(places).toBeGreaterThan(15);
  });
});

describe('a failback', () => {
  const lost = async () => {
    const world = lose(createFakeRegions(cluster));
    await failover(world);
    return world;
  };

  it('brings the lost region back, counts what only it had, and ends where everything began', async () => {
    const world = await lost();
    const { rejoin, move } = await failback(world);
    expect(rejoin?.lost).toHaveLength(3);
    expect(endOf(world).kept).toEqual(['demoted-MOMENT on pg-1']);
    expect(move).toMatchObject({ to: 'us-east-1', epoch: 3 });
    expect(endOf(world)).toMatchObject({
      regions: {
        primary: { epoch: 3, standby: null, slots: { dr: { type: 'physical' } }, pause: null },
        dr: { epoch: 3, slots: null, standby: { primary_slot_name: 'dr' } },
      },
      denied: [],
      wasSplit: false,
    });
    expect(world.off.size).toBe(0);
    expect(world.positions.primary).toBe(world.positions.dr);
  });

  it('comes to the same end wherever it is killed', async () => {
    const places = await killEverywhere(lost, failback, endOf);
    expect(places).toBeGreaterThan(60);
  });

  it('is refused when the primary region acts', async () => {
    await expect(failback(createFakeRegions(cluster))).rejects.toThrow('us-east-1 is already the active region');
  });
});

describe('a drill', () => {
  const drill = (world: FakeRegions) => drillRegion(world.installation, perform);
  const records = (world: FakeRegions) =>
    [...world.regions].map(([kind, { etcd }]) => {
      const { value = '' } = etcd.stored.get('/pgha/drill') ?? {};
      return [kind, (JSON.parse(decodeURIComponent(value)) as { passed: boolean }).passed];
    });

  it('is remembered by both regions wherever it is killed, and changes neither', async () => {
    const untouched = endOf(createFakeRegions(cluster));
    const places = await killEverywhere(
      () => createFakeRegions(cluster),
      drill,
      (world) => ({ records: records(world), end: endOf(world) }),
    );
    expect(places).toBeGreaterThan(15);
    const world = createFakeRegions(cluster);
    expect(await drill(world)).toMatchObject({ passed: true, standby: 'us-west-2' });
    expect(records(world)).toEqual([
      ['primary', true],
      ['dr', true],
    ]);
    expect(endOf(world)).toEqual(untouched);
  });

  it('ends the one whose command was killed while it was at work, and begins anew', async () => {
    const world = createFakeRegions(cluster);
    world.drilling.add('dr-pg-1');
    expect(await drill(world)).toMatchObject({ passed: true });
    expect(world).toMatchObject({ drilling: new Set(), drills: 1 });
  });
});

describe('an operator’s word', () => {
  it('reaches every member wherever the command is killed', async () => {
    const confirm = async ({ installation }: FakeRegions) => {
      const { signal } = installation;
      await runOperation(installation, primary, 'dr confirm us-east-1', () => confirmMembers(installation, primary));
      // machines that do not answer are passed over, a command that is dead never says so
      signal.throwIfAborted();
    };
    const end = (world: FakeRegions) => ({ confirmed: [...world.confirmed].sort(), end: endOf(world) });
    await killEverywhere(() => createFakeRegions(cluster), confirm, end);
    const world = createFakeRegions(cluster);
    await confirm(world);
    expect(end(world).confirmed).toEqual(['pg-1', 'pg-2', 'pg-3']);
  });
});
