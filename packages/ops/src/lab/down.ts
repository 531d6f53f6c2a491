import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { destroyGroup, findControlGroups, groupNames, removeGroupRoots } from './control-groups.ts';
import { unmountMachines } from './machines.ts';
import { removeNetworks } from './network.ts';
import { findOwners } from './owner.ts';
import { machinePlaces, machinesFolder, type Places } from './places.ts';

/**
 * Ends everything a lab ever made here except its images, whatever state it is in: what it looks for is named after the lab,
 * so no record is needed and a half-made lab goes as a whole one does. Doing it twice is doing it once.
 *
 * What the lab of another folder runs is left alone, and the networks with it.
 *
 * @returns that folder; null when there is no other lab.
 */
export async function removeLab(places: Places): Promise<string | null> {
  const groups = await findControlGroups();
  const { foreign, otherFolder } = await findOwners(places, groups);
  const own = (await groupNames(groups)).filter((name) => !foreign.has(name));
  await Promise.all(own.map((name) => destroyGroup(groups, name)));
  // by the machines' names, and before their roots are unmounted, which tell the inode
  if (otherFolder === null) await forgetContainers(places);
  await unmountMachines(places);
  if (otherFolder === null) {
    await removeGroupRoots(groups);
    await removeNetworks();
  }
  await rm(places.root, { recursive: true, force: true });
  return otherFolder;
}

/** What systemd-nspawn keeps under /run of a machine whose power was cut. */
async function forgetContainers(places: Places): Promise<void> {
  const base = '/run/systemd/nspawn';
  for (const name of await readdir(machinesFolder(places)).catch(() => [])) {
    const root = await stat(machinePlaces(places, name).root).catch(() => null);
    const lock = root === null ? [] : [join(base, 'locks', `inode-${root.dev}:${root.ino}`)];
    for (const path of [join(base, 'propagate', name), join(base, 'unix-export', name), ...lock]) {
      await rm(path, { recursive: true, force: true });
    }
  }
}
