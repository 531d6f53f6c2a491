import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { done, type FakeCommand } from '../../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import { createRestorableCluster, type RestorableCluster } from '../../../test/model/restorable-cluster.ts';
import type { Backup } from '../../clients/pgbackrest.ts';
import { runStep } from '../../step.ts';
import { runBesides } from '../operation.ts';
import { findActing, repositoriesOf, requireLeader } from '../restore/acting.ts';
import { planBackups } from './create.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 }, dr: null });

/**
 * Backups that are taken by units of the primary.
 *
 * @param looks how often a backup that was begun is found at work before it is there; -1: it has ended by the first look.
 */
function createWorld(looks: number) {
  /** Unit -> looks that are left. */
  const atWork = new Map<string, number>();
  const started: string[] = [];
  const answer: FakeCommand = (_machine, [program, verb, ...options]) => {
    const unit = options.at(-1) ?? '';
    if (program !== 'systemctl' || !unit.startsWith('pgha-backup@')) return null;
    if (verb === 'start') {
      // systemd starts no unit that is at work
      if (!atWork.has(unit)) started.push(unit);
      atWork.set(unit, atWork.get(unit) ?? looks);
      return done();
    }
    const left = atWork.get(unit);
    if (left === undefined) return done('inactive\n');
    if (left > 0) atWork.set(unit, left - 1);
    else {
      atWork.delete(unit);
      world.backups.get(Number(unit.at(-9)))?.push(1);
    }
    return done(left < 0 ? 'inactive\n' : 'activating\n');
  };
  const world: RestorableCluster = createRestorableCluster(cluster, answer);
  return Object.assign(world, { atWork, started });
}

type World = ReturnType<typeof createWorld>;

/** The whole command, as commands/backup.ts runs it. */
async function create({ installation }: RestorableCluster): Promise<readonly { repository: number; backup: Backup }[]> {
  const acting = await findActing(installation);
  const taken: { repository: number; backup: Backup }[] = [];
  const steps = planBackups(
    requireLeader(acting),
    cluster.scope,
    { type: 'full', repositories: repositoriesOf(cluster, undefined) },
    (backup, repository) => taken.push({ repository, backup }),
    installation.signal,
  );
  await runBesides(installation, acting.view.region, 'backup create --type full', async () => {
    for (const step of steps) await runStep(step, () => undefined);
  });
  return taken;
}

describe('backup create', () => {
  it('takes one into the repository', async () => {
    const world = createWorld(0);
    expect((await create(world)).map(({ repository }) => repository)).toEqual([1]);
    expect(world.started).toEqual(['pgha-backup@full-1.service']);
  });

  it('ends with a new one wherever it is killed', async () => {
    const places = await killEverywhere(
      () => createWorld(-1),
      create,
      ({ atWork, backups }: World) => ({
        atWork: [...atWork],
        isNew: (backups.get(1) ?? []).length > 1,
      }),
    );
    expect(places).toBeGreaterThan(10);
  });

  it('waits for the one that a killed command began, also when that ends before it is asked what there is', async () => {
    for (const looks of [0, 1]) {
      const world = createWorld(looks);
      world.atWork.set('pgha-backup@full-1.service', looks);
      expect(await create(world)).toHaveLength(1);
      expect(world.started).toEqual([]);
      expect(world.atWork.size).toBe(0);
    }
  });
});
