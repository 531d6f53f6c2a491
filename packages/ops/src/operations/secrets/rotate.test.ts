import {
  activeLoginParameter,
  defineCluster,
  type Login,
  loginsOf,
  parameterName,
  passwordParameter,
  regionsOf,
  rotatingLogins,
} from '@pgha/infra/cluster';
import { describe, expect, it, vi } from 'vitest';
import { type SecretsWorld, secretsWorlds } from '../../../test/model/fake-secrets.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import {
  fingerprintOf,
  inMemoryStore,
  parameterNames,
  parseGenerations,
  secretsInit,
  splitPem,
} from '../../secrets/index.ts';
import { runStep } from '../../step.ts';
import { unfinishedKey } from '../engine/record.ts';
import { runOperation } from '../operation.ts';
import { actingRegion, viewRegions } from '../regions.ts';
import { authorityRotation } from './authority.ts';
import { renewal } from './certificates.ts';
import { copyNames, differingNames, splitRegions } from './mirror.ts';
import { type NamedChange, planChanges } from './rotate.ts';
import { rotatableNamed, rotatables } from './rotations.ts';
import { secretsSetting } from './setting.ts';

// hundreds of whole rotations, with keys and signatures
vi.setConfig({ testTimeout: 900_000 });

const cluster = defineCluster({
  adminCidrs: ['192.0.2.0/24'],
  primary: { postgres: 2 },
  dr: { etcd: 1, postgres: 1 },
});
const store = inMemoryStore();
await secretsInit(cluster, store, new Date());
const values = await store.read(parameterNames(cluster));
const createWorld = secretsWorlds(cluster, values);

/** One region: signatures are dear, and every machine has to get some at every place of its rotation. */
const small = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 2 } });
const smallStore = inMemoryStore();
await secretsInit(small, smallStore, new Date());
const createSmallWorld = secretsWorlds(small, await smallStore.read(parameterNames(small)));

/** The whole command, as commands/secrets.ts runs it; gives its notes. */
async function change({ installation, readersOf }: SecretsWorld, changes: readonly NamedChange[], patienceMs = 0) {
  const { region } = actingRegion(installation.cluster, await viewRegions(installation));
  const notes: string[] = [];
  await runOperation(
    installation,
    region,
    `secrets rotate ${changes.map(({ name }) => name).join(' ')}`,
    async ({ memory, signal }) => {
      const setting = { ...secretsSetting(installation, notes, signal), readersOf, patienceMs };
      for (const step of await planChanges(setting, changes, memory)) await runStep(step, () => undefined);
    },
  );
  return notes;
}

const rotation = (name: string): NamedChange => ({ name, ...rotatableNamed(name).rotate });
const retirement = (name: string): NamedChange => ({
  name,
  ...(rotatableNamed(name).old ?? expect.fail(name)).retire({ early: true, erase: async () => undefined }),
});

const stored = (world: SecretsWorld, path: string, kind: 'primary' | 'dr' = 'primary') =>
  world.stored.get(kind)?.get(parameterName(cluster, path))?.value ?? '';

/** What has to come out the same wherever a rotation was cut off; values are chance. */
function endOf(world: SecretsWorld) {
  const { values } = world;
  const before = (name: string) => values.get(name) ?? '';
  const isReplaced = (login: Login) =>
    stored(world, `passwords/${login}`) !== before(passwordParameter(cluster, login));
  const original = fingerprintOf(before(parameterName(cluster, 'ca/certificate')));
  return {
    active: rotatingLogins.map((role) => stored(world, `logins/${role}`).trim()),
    replaced: rotatingLogins.flatMap((role) => loginsOf(role).map(isReplaced)),
    // what is stored is what is accepted, of the login that is not in use too
    accepted: [...world.verifiers].map(
      ([role, password]) => stored(world, `passwords/${role}`) === password || role === 'pgha_owner',
    ),
    etcd: [...world.etcdUsers].flatMap(([kind, users]) =>
      [...users].map(([login, password]) => stored(world, `passwords/${login}`, kind) === password),
    ),
    owner: world.verifiers.get('pgha_owner') === stored(world, 'passwords/owner'),
    mirrored: [...values.keys()].every((name) =>
      [...world.stored.values()].every(
        (held) => held.get(name)?.value === world.stored.get('primary')?.get(name)?.value,
      ),
    ),
    upToDate: [...world.machines.values()].every(({ region, manifest, files, inForce }) =>
      manifest.every(({ parameter, path }) => {
        const value = world.stored.get(region.kind)?.get(parameter)?.value;
        return value === files.get(path) && value === inForce.get(path);
      }),
    ),
    keys: stored(world, 'api/keys').trim().split('\n').length,
    authorities: splitPem(stored(world, 'ca/certificate')).map((ca) => fingerprintOf(ca) === original),
    generations: parseGenerations(stored(world, 'backup/passphrases')).map(({ number, state }) => `${number} ${state}`),
    unfinished: world.regions.get('primary')?.etcd.stored.has(unfinishedKey),
  };
}

/** The whole command, as commands/secrets.ts runs it. */
async function mirror({ installation }: SecretsWorld, awsRegion: string): Promise<void> {
  const { from, others } = splitRegions(regionsOf(cluster), awsRegion);
  if (from === null) return expect.fail(awsRegion);
  const [source, targets] = [installation.secrets([from]), others.map((region) => installation.secrets([region]))];
  const names = await differingNames(cluster, source, targets);
  if (names.length === 0) return;
  const { region } = actingRegion(cluster, await viewRegions(installation));
  await runOperation(installation, region, `secrets mirror --from ${awsRegion}`, () =>
    copyNames(source, targets, names),
  );
}

describe('one region’s values in the other', () => {
  it('are there in the end wherever the command is cut off, also of a name that it lacked', async () => {
    const different = () => {
      const world = createWorld();
      const held = world.stored.get('dr') ?? expect.fail('no second region');
      // nobody is refused for these while they differ
      const [lacking = '', another = ''] = ['owner', 'grafana_admin'].map((login) =>
        parameterName(cluster, `passwords/${login}`),
      );
      held.delete(lacking);
      held.set(another, { ...(held.get(another) ?? expect.fail(another)), value: 'another' });
      return world;
    };
    expect(endOf(different()).mirrored).toBe(false);
    const places = await killEverywhere(different, (world) => mirror(world, cluster.primary.awsRegion), endOf);
    expect(places).toBeGreaterThan(5);
    const world = different();
    await mirror(world, cluster.primary.awsRegion);
    expect(endOf(world)).toMatchObject({ mirrored: true, unfinished: false });
  });
});

describe('the rotation of a secret', () => {
  it.each(rotatables.map(({ name }) => [name, name === 'ca' ? createSmallWorld : createWorld] as const))(
    'refuses nobody and comes to the same end wherever it is cut off: %s',
    async (name, create) => {
      const places = await killEverywhere(create, (world) => change(world, [rotation(name)]), endOf);
      expect(places).toBeGreaterThan(10);
    },
  );

  it('gives both logins another password and lets the other one be used', async () => {
    const world = createWorld();
    expect(await change(world, [rotation('app')])).toEqual([]);
    const end = endOf(world);
    expect(end).toMatchObject({ mirrored: true, upToDate: true, unfinished: false });
    expect(end.active[0]).toBe('app_b');
    expect(end.replaced.slice(0, 4)).toEqual([true, true, false, false]);
    expect(end.accepted).not.toContain(false);
    expect(end.etcd).not.toContain(false);
  });

  it('takes what every kind leaves valid, and no more', async () => {
    for (const { name, old } of rotatables) {
      const world = createWorld();
      await change(world, [rotation(name)]);
      const setting = secretsSetting(world.installation, []);
      const isValid = (await old?.isValid(setting)) ?? false;
      expect([name, isValid]).toEqual([name, ['api_keys', 'backup_passphrases'].includes(name)]);
      if (!isValid) continue;
      await change(world, [retirement(name)]);
      expect([name, await old?.isValid(setting)]).toEqual([name, false]);
    }
  });

  it.each(['app', 'api_keys', 'backup_passphrases'])(
    'takes what it left valid, wherever that is cut off: %s',
    async (name) => {
      const rotated = async () => {
        const world = createWorld();
        // whoever uses the former login keeps it valid
        world.strangers.add('app_a');
        await change(world, [rotation(name)]);
        world.strangers.clear();
        return world;
      };
      const setting = (world: SecretsWorld) => secretsSetting(world.installation, []);
      const world = await rotated();
      expect(await rotatableNamed(name).old?.isValid(setting(world))).toBe(true);
      await change(world, [retirement(name)]);
      expect(await rotatableNamed(name).old?.isValid(setting(world))).toBe(false);
      const places = await killEverywhere(rotated, (each) => change(each, [retirement(name)]), endOf);
      expect(places).toBeGreaterThan(10);
    },
  );

  it('keeps the former login valid while somebody uses it, and says who', async () => {
    const world = createWorld();
    world.strangers.add('app_a');
    const notes = await change(world, [rotation('app')]);
    expect(notes).toEqual([
      expect.stringContaining('the password of app_a was not changed because it is in use: test from 10.0.0.1'),
    ]);
    expect(world.verifiers.get('app_a')).toBe(values.get(passwordParameter(cluster, 'app_a')));
    const setting = secretsSetting(world.installation, []);
    expect(await rotatableNamed('app').old?.isValid(setting)).toBe(true);
    // another rotation would take the password from under him
    await expect(change(world, [rotation('app')])).rejects.toThrow(
      'app_a is in use although it is not the current login',
    );
    world.strangers.clear();
    await change(world, [retirement('app')]);
    expect(world.verifiers.get('app_a')).not.toBe(values.get(passwordParameter(cluster, 'app_a')));
    expect(await rotatableNamed('app').old?.isValid(setting)).toBe(false);
  });

  it('goes on without a machine that is off, which catches up when it starts, wherever that is', async () => {
    const undisturbed = createWorld();
    const changes = rotatables
      .filter(({ name }) => !['ca', 'api_keys'].includes(name))
      .map(({ name }) => rotation(name));
    for (const name of ['pg-2', 'etcd-2', 'api-1', 'dr-pg-1', 'monitoring-1']) {
      const world = createWorld();
      world.off.add(name);
      await change(world, changes);
      world.boot(name);
      expect([name, endOf(world).upToDate]).toEqual([name, true]);
    }
    await change(undisturbed, changes);
    expect(endOf(undisturbed).upToDate).toBe(true);
  });

  it('lets a region in that was off through all of it', async () => {
    const world = createWorld();
    const machines = (cluster.dr ?? expect.fail()).nodes.map(({ name }) => name);
    for (const name of machines) world.off.add(name);
    await change(world, [rotation('etcd_admin'), rotation('etcd_patroni'), rotation('replication')]);
    for (const name of machines) world.boot(name);
    expect(endOf(world)).toMatchObject({ upToDate: true });
    expect(endOf(world).etcd).not.toContain(false);
  });

  it('refuses to change a password of etcd that its first machine cannot be told, before anybody uses it', async () => {
    const world = createWorld();
    world.off.add('etcd-1');
    await expect(change(world, [rotation('etcd_patroni')])).rejects.toThrow('etcd-1 is stopped');
    expect(stored(world, 'logins/etcd_patroni').trim()).toBe('etcd_patroni_a');
    world.boot('etcd-1');
    await change(world, [rotation('etcd_patroni')]);
    expect(endOf(world)).toMatchObject({ upToDate: true, unfinished: false });
  });

  it('refuses to restart etcd where one of its members is off', async () => {
    const world = createWorld();
    world.off.add('etcd-3');
    await expect(change(world, [rotation('ca')])).rejects.toThrow('could lose the quorum');
    expect(endOf(world).authorities).toEqual([true]);
  });

  it('stops where both CAs are trusted when clients outside have to get the new one first, and goes on from there', async () => {
    const world = createWorld();
    const notes = await change(world, [{ name: 'ca', ...authorityRotation('trusted') }]);
    expect(notes).toEqual([expect.stringContaining('All nodes trust both CAs')]);
    expect(endOf(world).authorities).toEqual([true, false]);
    await change(world, [rotation('ca')]);
    expect(endOf(world)).toMatchObject({ authorities: [false], upToDate: true });
  });

  it.each(['ca/key', 'ca/certificate'])('makes one CA when it is cut off between two regions: %s', async (path) => {
    const undisturbed = createWorld();
    await change(undisturbed, [rotation('ca')]);
    const name = parameterName(cluster, path);
    const first = undisturbed.commands.findIndex((command) => command.endsWith(`replace ${name}`));
    const world = createWorld();
    world.killAfter(first + 1);
    await expect(change(world, [rotation('ca')])).rejects.toThrow('killed');
    expect(world.stored.get('dr')?.get(name)?.value).not.toBe(world.stored.get('primary')?.get(name)?.value);
    world.revive();
    await change(world, [rotation('ca')]);
    expect(endOf(world)).toEqual(endOf(undisturbed));
  });

  it('copies its own value when it was cut off between two regions', async () => {
    const world = createWorld();
    const name = passwordParameter(cluster, 'app_b');
    const at = async () => {
      const trial = createWorld();
      await change(trial, [rotation('app')]);
      return trial.commands.findIndex((command) => command.endsWith(`replace ${name}`)) + 1;
    };
    world.killAfter(await at());
    await expect(change(world, [rotation('app')])).rejects.toThrow('killed');
    const first = world.stored.get('primary')?.get(name)?.value;
    expect(world.stored.get('dr')?.get(name)?.value).not.toBe(first);
    world.revive();
    await change(world, [rotation('app')]);
    expect(world.stored.get('dr')?.get(name)?.value).toBe(first);
    expect(world.stored.get('primary')?.get(name)?.version).toBeLessThan(4);
    expect(stored(world, activeLoginParameter(cluster, 'app').split('/').slice(-2).join('/')).trim()).toBe('app_b');
  });
});

describe('the renewal of certificates', () => {
  it.each([
    ['for the keys there are', false],
    ['for new keys', true],
  ])('refuses nobody and comes to the same end wherever it is cut off, %s', async (_, newKeys) => {
    const some = small.primary.nodes.filter(({ name }) => ['etcd-1', 'pg-1', 'api-1'].includes(name));
    const end = (world: SecretsWorld) => ({
      ...endOf(world),
      changed: [...world.values]
        .filter(([name, value]) => stored(world, name.split('/').slice(3).join('/')) !== value)
        .map(([name]) => name),
    });
    await killEverywhere(createSmallWorld, (world) => change(world, [renewal(some, newKeys)]), end);
  });
});
