import { defineCluster } from '@pgha/infra/cluster';
import { scratchProgram } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { done, failed } from '../../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../../test/model/interruptions.ts';
import {
  createRestorableCluster,
  type RestorableCluster,
  targetMoment,
} from '../../../test/model/restorable-cluster.ts';
import type { Scratch } from '../../clients/scratch.ts';
import { runStep } from '../../step.ts';
import { runBesides } from '../operation.ts';
import { prepareScratch } from './scratch-preparation.ts';
import { say } from './target.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

/** Each look at a scratch server finds it a phase further; the machine of the last one made has no room for another. */
function createWorld(first: Scratch['phase'] = 'recovering') {
  const scratches = new Map<string, { name: string; phase: Scratch['phase']; spec: unknown; begun: number }>();
  const world = createRestorableCluster(cluster, (machine, [program, verb, name = ''], { input = '' }) => {
    if (program !== scratchProgram) return null;
    const there = scratches.get(machine);
    if (verb === 'room') {
      return done(JSON.stringify({ sizeBytes: 1e6, freeBytes: 1e6, usableBytes: there === undefined ? 1e6 : 0 }));
    }
    if (verb === 'create') {
      const spec = JSON.parse(input) as unknown;
      if (there !== undefined && JSON.stringify(there.spec) !== input) return failed('of something else; drop it');
      const hasEnded = there?.phase === 'failed' || there?.phase === 'stopped';
      if (there === undefined || hasEnded) {
        scratches.set(machine, { name, phase: first, spec, begun: (there?.begun ?? 0) + 1 });
      }
      return done();
    }
    if (there === undefined) return done('[]');
    const told = JSON.stringify([{ ...there, createdAt: 1, percent: 1, problem: null, connection: '' }]);
    if (there.phase === 'recovering') there.phase = 'ready';
    if (there.phase === 'restoring') there.phase = 'recovering';
    return done(told);
  });
  return Object.assign(world, { scratches });
}

type World = ReturnType<typeof createWorld>;

/** The whole command, as commands/restore-into-scratch.ts runs it. */
async function restore({ installation }: RestorableCluster) {
  const request = { moment: targetMoment, repository: null, on: null };
  const { region, steps } = await prepareScratch(installation, request);
  await runBesides(installation, region, `restore ${say(targetMoment)}`, async () => {
    for (const step of steps) await runStep(step, () => undefined);
  });
}

const endOf = ({ scratches }: World) =>
  [...scratches].map(([machine, { name, phase, begun }]) => ({ machine, name, phase, begun }));

describe('a restore into a scratch server', () => {
  it('makes one, beside a replica', async () => {
    const world = createWorld('restoring');
    await restore(world);
    expect(endOf(world)).toMatchObject([{ machine: 'pg-2', phase: 'ready', begun: 1 }]);
    expect(world.disasters).toEqual([]);
  });

  it('makes that one alone wherever it is killed, although its machine has no room for another', async () => {
    const places = await killEverywhere(() => createWorld(), restore, endOf);
    expect(places).toBeGreaterThan(15);
  });

  it('goes on with one whose machine was rebooted after the command was killed', async () => {
    const world = createWorld();
    await restore(world);
    const made = world.scratches.get('pg-2') ?? expect.fail('no scratch server');
    made.phase = 'stopped';
    await restore(world);
    expect(endOf(world)).toMatchObject([{ machine: 'pg-2', phase: 'ready', begun: 2 }]);
  });
});
