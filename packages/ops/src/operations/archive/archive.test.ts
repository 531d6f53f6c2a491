import { defineCluster } from '@pgha/infra/cluster';
import { detachedRepositoriesParameter } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { type SecretsWorld, secretsWorlds } from '../../../test/model/fake-secrets.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import { inMemoryStore, parameterNames, secretsInit } from '../../secrets/index.ts';
import { runStep } from '../../step.ts';
import { runOperation } from '../operation.ts';
import { actingRegion, viewRegions } from '../regions.ts';
import { secretsSetting } from '../secrets/setting.ts';
import { observeAttach, planAttach } from './attach.ts';
import { planDetach } from './detach.ts';
import { parseArchiveGaps } from './record.ts';

const cluster = defineCluster({
  adminCidrs: ['192.0.2.0/24'],
  primary: { postgres: 2 },
  dr: { etcd: 1, postgres: 1 },
});
const parameter = detachedRepositoriesParameter(cluster);
const store = inMemoryStore();
await secretsInit(cluster, store, new Date());
const createWorld = secretsWorlds(cluster, await store.read(parameterNames(cluster)));

/** The whole command, as commands/archive.ts runs it; gives its notes. */
async function detach({ installation, readersOf }: SecretsWorld, since = '2026-01-01T00:00:00.000Z') {
  const { region } = actingRegion(cluster, await viewRegions(installation));
  const notes: string[] = [];
  await runOperation(installation, region, 'archive detach --repo 2', async ({ memory, signal }) => {
    const setting = {
      ...secretsSetting(installation, notes, signal),
      readersOf,
      storeOf: (each: typeof region) => installation.secrets([each]),
    };
    const steps = planDetach(setting, 2, await memory.choose('since', () => since));
    for (const step of steps) await runStep(step, () => undefined);
  });
  return notes;
}

async function attach({ installation, readersOf }: SecretsWorld) {
  const { region } = actingRegion(cluster, await viewRegions(installation));
  await runOperation(installation, region, 'archive attach --repo 2', async ({ memory, signal }) => {
    const setting = { ...secretsSetting(installation, [], signal), readersOf };
    const seen = memory.recall('fulls') ?? (await observeAttach(setting, 2)).join(' ');
    const known = (await memory.choose('fulls', () => seen)).split(' ');
    for (const step of planAttach(setting, 2, known)) await runStep(step, () => undefined);
  });
}

const gapsIn = (world: SecretsWorld, kind: 'primary' | 'dr' = 'primary') =>
  parseArchiveGaps(world.stored.get(kind)?.get(parameter)?.value ?? 'none').map(({ repository, state, from }) => ({
    repository,
    state,
    from,
  }));

/** What the members, and whoever else reads it, were told. */
const toldTo = (world: SecretsWorld) =>
  [...world.machines.values()].flatMap(({ node, manifest, inForce }) =>
    manifest
      .filter((each) => each.parameter === parameter)
      .map(({ path }) => [node.name, inForce.get(path)?.split(' ').slice(0, 2).join(' ')]),
  );

const endOf = (world: SecretsWorld) => ({
  gaps: [gapsIn(world), gapsIn(world, 'dr')],
  told: toldTo(world),
  backups: world.backups.get(2)?.length,
});

describe('leaving a repository out of the archive', () => {
  it('comes to the same end wherever it is cut off, and is said to be since it was begun', async () => {
    // a second run is given another moment, and keeps the one it was begun with
    let runs = 0;
    const run = (world: SecretsWorld) => detach(world, `2026-01-01T00:00:0${runs++ % 10}.000Z`);
    const end = (world: SecretsWorld) => {
      const { gaps, ...others } = endOf(world);
      const moments = new Set(gaps.flat().map(({ from }) => from));
      return { ...others, gaps: gaps.map((each) => each.map(({ state }) => state)), moments: moments.size };
    };
    await killEverywhere(createWorld, run, end);
  });

  it('tells both regions and every member', async () => {
    const world = createWorld();
    expect(await detach(world)).toEqual([]);
    expect(endOf(world).gaps[0]).toEqual([{ repository: 2, state: 'detached', from: '2026-01-01T00:00:00.000Z' }]);
    expect(endOf(world).gaps[1]).toEqual(endOf(world).gaps[0]);
    const members = toldTo(world).filter(([name]) => name?.includes('pg-'));
    expect(members.map(([, told]) => told)).toEqual(['2 detached', '2 detached', '2 detached']);
  });

  it('goes on where the far region is lost, and says who was not told', async () => {
    const world = createWorld();
    for (const { name } of cluster.dr?.nodes ?? []) world.off.add(name);
    const { secrets } = world.installation;
    world.installation.secrets = (regions) => {
      const there = secrets(regions);
      if (regions.length > 1 || regions[0].kind === 'primary') return there;
      return { ...there, inspect: () => Promise.reject(new Error('connect EHOSTUNREACH')) };
    };
    expect(await detach(world)).toEqual([
      'Parameter Store of us-west-2 has not received the configuration (connect EHOSTUNREACH); reattaching the repository updates it',
    ]);
    expect(gapsIn(world)).toHaveLength(1);
    expect(gapsIn(world, 'dr')).toEqual([]);
    world.installation.secrets = secrets;
    for (const { name } of cluster.dr?.nodes ?? []) world.boot(name);
    await attach(world);
    expect(endOf(world).gaps).toEqual([
      [expect.objectContaining({ state: 'closed' })],
      [expect.objectContaining({ state: 'closed' })],
    ]);
  });

  it('is refused for the one that is left', async () => {
    const world = createWorld();
    await detach(world);
    const setting = {
      ...secretsSetting(world.installation, []),
      readersOf: world.readersOf,
      storeOf: (each: typeof cluster.primary) => world.installation.secrets([each]),
    };
    const [first = expect.fail()] = planDetach(setting, 1, '2026-01-01T00:00:00.000Z');
    await expect(runStep(first, () => undefined)).rejects.toThrow('the other repository is already detached');
  });
});

describe('bringing a repository back', () => {
  it('comes to the same end wherever it is cut off: one full backup more, and a gap that is closed', async () => {
    const begun = createWorld();
    await detach(begun);
    // what every world of these begins with
    const detachedValues = new Map([...(begun.stored.get('primary') ?? [])].map(([name, { value }]) => [name, value]));
    const detached = secretsWorlds(cluster, detachedValues);
    await killEverywhere(detached, attach, endOf);
    const world = detached();
    await attach(world);
    expect(endOf(world).gaps[0]).toEqual([{ repository: 2, state: 'closed', from: '2026-01-01T00:00:00.000Z' }]);
    expect(world.backups.get(2)).toHaveLength(2);
  });

  it('is refused where it is attached', async () => {
    await expect(attach(createWorld())).rejects.toThrow('repository 2 is already attached');
  });
});
