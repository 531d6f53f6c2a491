import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { RefusedError } from '../exit-codes.ts';
import { type ControlGroups, groupNames, groupProcesses } from './control-groups.ts';
import type { Places } from './places.ts';

/**
 * The folder that each running machine, and each load balancer, was started from. Every lab of this computer names its control
 * groups, namespaces and interfaces alike, so these tell whose they are; no record does, which a crash would leave behind.
 *
 * @returns by the group's name; null where nothing of it tells.
 */
async function foldersOf(groups: ControlGroups): Promise<ReadonlyMap<string, string | null>> {
  const found = new Map<string, string | null>();
  for (const name of await groupNames(groups)) {
    const pids = await groupProcesses(groups, name);
    if (pids.length === 0) continue;
    found.set(name, null);
    for (const pid of pids) {
      const folder = folderIn(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''), name);
      if (folder === null) continue;
      found.set(name, folder);
      break;
    }
  }
  return found;
}

/** The lab's folder in a command line: that of systemd-nspawn names the machine's root, the load balancer's its settings. */
export function folderIn(commandLine: string, name: string): string | null {
  for (const word of commandLine.split('\0')) {
    const machine = /^--directory=(\/.*)\/machines\/([^/]+)\/root$/.exec(word);
    if (machine?.[1] !== undefined && machine[2] === name) return machine[1];
    const balancer = /^(\/.*)\/load-balancers\/([^/]+)\/settings\.json$/.exec(word);
    if (balancer?.[1] !== undefined && `nlb-${balancer[2]}` === name) return balancer[1];
  }
  return null;
}

/** The running machines of this lab, and the folder of another one that runs on this computer; null: there is none. */
export async function findOwners(
  places: Places,
  groups: ControlGroups,
): Promise<{ foreign: ReadonlySet<string>; otherFolder: string | null }> {
  const own = await canonical(places.root);
  const foreign = new Set<string>();
  let otherFolder: string | null = null;
  for (const [name, folder] of await foldersOf(groups)) {
    if (folder === null || (await canonical(folder)) === own) continue;
    foreign.add(name);
    otherFolder ??= folder;
  }
  return { foreign, otherFolder };
}

/**
 * @throws RefusedError while the machines of another folder's lab run: they have the names that this one's would have.
 */
export async function refuseOtherLab(places: Places, groups: ControlGroups): Promise<void> {
  const { otherFolder } = await findOwners(places, groups);
  if (otherFolder !== null) throw new RefusedError(describeOtherLab(otherFolder));
}

/** What runs, and how it is ended. */
export function describeOtherLab(folder: string): string {
  // as the settings make one of the other
  const variable = basename(folder) === 'lab' ? `PGHA_LAB_DIR=${dirname(folder)}` : 'env -u PGHA_LAB_DIR';
  return (
    `the lab in ${folder} is running, and a computer can run only one: all labs use the same names and addresses. ` +
    `Remove it with "${variable} pgha lab down", or use it with the same setting`
  );
}

/** A folder by one name; one that is gone keeps the name it had. */
const canonical = (path: string) => realpath(path).catch(() => resolve(path));
