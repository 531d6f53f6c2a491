import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../wait-until.ts';
import { prefix } from './places.ts';

/**
 * Where this kernel keeps which controller. With version 1 each has a tree of its own and version 2 stands beside them
 * for systemd; with version 2 alone there is one tree for all.
 */
export interface ControlGroups {
  /** Every tree a machine's first process is put into. */
  trees: readonly string[];
  memory: { tree: string; file: string };
  freezer: { tree: string; file: string; frozen: string; thawed: string };
}

const mount = '/sys/fs/cgroup';

/** Finds the trees; throws when there is no memory controller, without which machines would not have the size of their type. */
export async function findControlGroups(): Promise<ControlGroups> {
  if (await exists(`${mount}/cgroup.controllers`)) {
    const controllers = await readFile(`${mount}/cgroup.controllers`, 'utf8');
    if (!controllers.includes('memory'))
      throw new Error(`${mount} has no memory controller (available: ${controllers.trim()})`);
    return {
      trees: [mount],
      memory: { tree: mount, file: 'memory.max' },
      freezer: { tree: mount, file: 'cgroup.freeze', frozen: '1', thawed: '0' },
    };
  }
  const version2 = `${mount}/unified`;
  for (const tree of ['memory', 'freezer', 'blkio', 'systemd', 'unified'].map((name) => join(mount, name))) {
    if (!(await exists(tree)))
      throw new Error(`${tree} does not exist: the lab needs cgroup v2, or v1 with v2 mounted alongside`);
  }
  return {
    // each machine has its own group in the version 2 tree and systemd's, or their inits would share one and stop each other's units
    trees: [...['memory', 'freezer', 'blkio', 'systemd'].map((name) => join(mount, name)), version2],
    memory: { tree: join(mount, 'memory'), file: 'memory.limit_in_bytes' },
    freezer: { tree: join(mount, 'freezer'), file: 'freezer.state', frozen: 'FROZEN', thawed: 'THAWED' },
  };
}

const groupOf = (tree: string, name: string) => join(tree, prefix, name);

/** Makes the groups of one machine and sets its memory limit; null: none. Returns the files that take a process id. */
export async function createGroup(groups: ControlGroups, name: string, memoryBytes: number | null): Promise<string[]> {
  for (const tree of groups.trees) await mkdir(groupOf(tree, name), { recursive: true });
  if (groups.memory.tree === mount) {
    // version 2 hands a controller down only where the parent says so
    await writeFile(join(mount, 'cgroup.subtree_control'), '+memory');
    await writeFile(join(mount, prefix, 'cgroup.subtree_control'), '+memory');
  }
  if (memoryBytes !== null) {
    await writeFile(join(groupOf(groups.memory.tree, name), groups.memory.file), `${memoryBytes}`);
  }
  return groups.trees.map((tree) => join(groupOf(tree, name), 'cgroup.procs'));
}

/** The machines and helpers that have groups: what a lab left or runs. */
export async function groupNames(groups: ControlGroups): Promise<string[]> {
  const names = new Set<string>();
  for (const tree of groups.trees) {
    for (const name of await folders(join(tree, prefix))) names.add(name);
  }
  return [...names].sort();
}

/** Every process of a group and of the groups below it. */
export async function groupProcesses(groups: ControlGroups, name: string): Promise<number[]> {
  const found = new Set<number>();
  for (const tree of groups.trees) {
    for (const pid of await processesBelow(groupOf(tree, name))) found.add(pid);
  }
  return [...found].sort((a, b) => a - b);
}

/** Bytes the group holds, page cache that could be given back not counted. */
export async function groupMemoryBytes(groups: ControlGroups, name: string): Promise<number> {
  const stat = await readFile(join(groupOf(groups.memory.tree, name), 'memory.stat'), 'utf8').catch(() => '');
  const value = (key: string) => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  return groups.memory.tree === mount
    ? value('anon') + value('shmem') + value('kernel')
    : value('total_rss') + value('total_shmem');
}

/** Stops every process of the group where it stands, or lets them run on. */
async function setFrozen(groups: ControlGroups, name: string, frozen: boolean): Promise<void> {
  const { tree, file, frozen: on, thawed: off } = groups.freezer;
  await writeFile(join(groupOf(tree, name), file), frozen ? on : off);
}

/** Kills everything in the group at once, as pulling the plug does, and removes the group. */
export async function destroyGroup(groups: ControlGroups, name: string): Promise<void> {
  // SIGKILL waits for a frozen process to be thawed
  await setFrozen(groups, name, false).catch(() => undefined);
  await waitUntil(
    async () => {
      const pids = await groupProcesses(groups, name);
      for (const pid of pids) kill(pid);
      return pids.length === 0;
    },
    { what: `the processes of ${name} to exit`, timeoutMs: 20_000, everyMs: 20 },
  );
  for (const tree of groups.trees) {
    await waitUntil(() => removeTree(groupOf(tree, name)), {
      what: `the control group of ${name} to become empty`,
      timeoutMs: 10_000,
      everyMs: 20,
    });
  }
}

/** Removes the folders that held the groups, once all of them are gone. */
export async function removeGroupRoots(groups: ControlGroups): Promise<void> {
  for (const tree of groups.trees) await removeTree(join(tree, prefix));
}

async function processesBelow(group: string): Promise<number[]> {
  const own = await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '');
  // 0 is a process this namespace cannot see; signalling it would signal ourselves
  const pids = own
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
  for (const child of await folders(group)) pids.push(...(await processesBelow(join(group, child))));
  return pids;
}

async function removeTree(group: string): Promise<boolean> {
  for (const child of await folders(group)) await removeTree(join(group, child));
  return rmdir(group).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true;
      // the kernel frees a group a moment after its last process
      if (error.code === 'EBUSY') return false;
      throw error;
    },
  );
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
