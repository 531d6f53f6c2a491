import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import {
  createRestorableCluster,
  type RestorableCluster,
  targetMoment,
} from '../../../test/model/restorable-cluster.ts';
import { runStep } from '../../step.ts';
import { unfinishedKey } from '../engine/record.ts';
import { runOperation } from '../operation.ts';
import { planInPlace } from './in-place.ts';
import { findUnfinishedRestore, prepareInPlace } from './in-place-preparation.ts';
import type { InPlaceChoices } from './in-place-setting.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
const doing = 'restore some time --into in-place';

/** The whole command, as commands/restore-in-place.ts runs it. */
async function restore({ installation }: RestorableCluster): Promise<number> {
  const unfinished = await findUnfinishedRestore(installation, doing);
  const request = { moment: targetMoment, repository: null, withoutStandby: false };
  const { region, choices } = unfinished ?? (await prepareInPlace(installation, request));
  return runOperation(installation, region, doing, async ({ memory, signal }) => {
    const chosen = JSON.parse(await memory.choose('plan', () => JSON.stringify(choices))) as InPlaceChoices;
    const standby = chosen.withStandby ? cluster.dr : null;
    const setting = { installation, region, standby, choices: chosen, memory, signal };
    for (const step of planInPlace(setting)) await runStep(step, () => undefined);
    return Number(memory.recall('led'));
  });
}

const endOf = (world: RestorableCluster) => ({
  members: Object.fromEntries(
    [...world.regions].map(([kind, { members }]) => [kind, Object.fromEntries([...members].sort())]),
  ),
  machines: Object.fromEntries(
    [...world.machines].map(([name, { data, gate, hasMethod, isUp, isStale, kept }]) => [
      name,
      { data, gate, hasMethod, isUp, isStale, kept: kept.size },
    ]),
  ),
  backups: Object.fromEntries(world.backups),
  disasters: world.disasters,
  isUnfinished: world.regions.get('primary')?.etcd.stored.has(unfinishedKey),
});

const wanted = {
  data: 'restored',
  gate: null,
  hasMethod: false,
  isUp: true,
  isStale: false,
  kept: 1,
};

describe('a restore in place', () => {
  it('brings every member of both regions to the new timeline, keeps the old data, and backs the new one up', async () => {
    const world = createRestorableCluster(cluster);
    expect(await restore(world)).toBe(2);
    expect(endOf(world)).toMatchObject({
      members: {
        primary: { 'pg-1': { role: 'leader', timeline: 2 }, 'pg-2': { timeline: 2 }, 'pg-3': { timeline: 2 } },
        dr: { 'dr-pg-1': { role: 'standby_leader', timeline: 2 } },
      },
      machines: { 'pg-1': wanted, 'pg-2': wanted, 'pg-3': wanted, 'dr-pg-1': wanted },
      backups: { 1: [1, 2], 2: [1, 2] },
      disasters: [],
      isUnfinished: false,
    });
  });

  it('stops the primary after the replicas, and the standby region last', async () => {
    const world = createRestorableCluster(cluster);
    await restore(world);
    const stops = world.commands.filter((command) => command.endsWith('restore-in-place stop')).slice(0, 4);
    expect(stops.map((command) => command.split(':')[0])).toEqual(['pg-2', 'pg-3', 'pg-1', 'dr-pg-1']);
  });

  it('comes to the same end wherever it is killed', async () => {
    const places = await killEverywhere(
      () => createRestorableCluster(cluster),
      (world) => restore(world as RestorableCluster),
      (world) => endOf(world as RestorableCluster),
    );
    expect(places).toBeGreaterThan(80);
  }, 120_000);

  it.each(['pg-1', 'pg-2', 'dr-pg-1'])(
    'comes to the same end wherever it is killed while %s loses power',
    async (machine) => {
      const undisturbed = createRestorableCluster(cluster);
      await restore(undisturbed);
      const end = endOf(undisturbed);
      for (let count = 0; count < undisturbed.commands.length; count += 1) {
        const world = createRestorableCluster(cluster);
        world.killAfter(count);
        const error = await restore(world).catch((thrown: Error) => thrown);
        world.reboot(machine);
        world.revive();
        if (error instanceof Error) await restore(world);
        const { disasters, machines, isUnfinished } = endOf(world);
        const where = `killed before "${undisturbed.commands[count]}"`;
        expect(disasters, where).toEqual([]);
        expect({ machines, isUnfinished }, where).toEqual({ machines: end.machines, isUnfinished: end.isUnfinished });
      }
    },
    120_000,
  );

  it('is tried again from its beginning when the machine could not restore', async () => {
    const world = createRestorableCluster(cluster);
    world.failNextRestore();
    await expect(restore(world)).rejects.toThrow('the restore on pg-1 failed');
    expect(world.regions.get('primary')?.members.size).toBe(0);
    expect(await restore(world)).toBe(2);
    expect(endOf(world)).toMatchObject({ machines: { 'pg-1': wanted, 'pg-2': wanted }, disasters: [] });
  });

  it('is refused while a member cannot be entered: it would come back and lead with the old data', async () => {
    const world = createRestorableCluster(cluster);
    world.off.add('pg-3');
    await expect(restore(world)).rejects.toThrow(/pg-3 is unreachable .* An in-place restore needs every member/);
    expect(world.commands.filter((command) => / (hold|stop|aside) /.test(`${command} `))).toEqual([]);
  });

  it('is refused when the repository does not know the timeline the cluster is on', async () => {
    const world = createRestorableCluster(cluster);
    for (const member of world.regions.get('primary')?.members.values() ?? []) member.timeline = 7;
    await expect(restore(world)).rejects.toThrow('repository 1 does not contain timeline 7');
  });
});
