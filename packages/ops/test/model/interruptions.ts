import { expect } from 'vitest';
import type { Operation } from '../../src/operations/engine/operation.ts';
import { unfinishedKey } from '../../src/operations/engine/record.ts';
import { execute } from '../../src/operations/engine/run.ts';
import { runSteps } from '../../src/step.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** Runs an operation as its command does, for an operator who agrees. */
export async function runWhole<View, Choice extends string, Result>(
  operation: Operation<View, Choice, Result>,
  { installation }: Pick<FakeCluster, 'installation'>,
): Promise<Result> {
  const ended = await execute(operation, installation, { perform: runSteps() });
  return ended === null ? expect.fail('the operation found nothing to do') : ended.result;
}

/** What any operation has to leave the same, however often it was interrupted. */
const stateOf = ({ regions, off, policies }: FakeCluster) => ({
  regions: [...regions].map(([kind, { members, config, etcd }]) => ({
    kind,
    members: Object.fromEntries(members),
    config,
    isUnfinished: etcd.stored.has(unfinishedKey),
  })),
  off: [...off].sort(),
  policies: [...policies].sort(),
});

/**
 * The kill test of an operation: interrupts it before every command that changes something, which is at least once in every step,
 * resumes it, and requires the same end.
 *
 * @param operationOf the operation that the command runs.
 * @param endOf what has to come out the same beyond the cluster's own state.
 * @returns at how many places it was interrupted.
 */
export async function killedAtEveryStep<World extends FakeCluster, View, Choice extends string, Result>(
  operationOf: (world: World) => Operation<View, Choice, Result>,
  create: () => World | Promise<World>,
  endOf: (world: World) => unknown = () => null,
): Promise<number> {
  return killEverywhere(
    create,
    (world) => runWhole(operationOf(world), world),
    (world) => ({ state: stateOf(world), end: endOf(world) }),
  );
}

/**
 * Kills an operation before every single command it gives, unless nothing was changed since it was last killed, runs it again, and requires that everything ends as it does when
 * nobody kills it.
 *
 * @param create a fresh cluster each time.
 * @param run the operation, whole, as the command line does.
 * @param endOf everything that has to come out the same.
 * @returns at how many places it was killed.
 */
export async function killEverywhere<World extends FakeCluster, T>(
  create: () => World | Promise<World>,
  run: (world: World) => Promise<unknown>,
  endOf: (world: World) => T,
): Promise<number> {
  const undisturbed = await create();
  const before = undisturbed.commands.length;
  await run(undisturbed);
  const wanted = endOf(undisturbed);
  const total = undisturbed.commands.length - before;
  let places = 0;
  for (let count = 0; count < total; count += 1) {
    if (undisturbed.looks.has(before + count - 1)) continue;
    places += 1;
    const world = await create();
    world.killAfter(count);
    const error = await run(world).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (error !== null && !world.wasKilled()) throw error;
    world.revive();
    // nobody runs a command again that said it was done
    if (error !== null) await run(world);
    expect(endOf(world), `killed before "${undisturbed.commands[before + count]}"`).toEqual(wanted);
  }
  return places;
}
