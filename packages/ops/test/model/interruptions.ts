import { expect } from 'vitest';
import type { FakeCluster } from './fake-cluster.ts';

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
