import { access, constants, mkdir, readFile, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Cluster, regionsOf } from '@pgha/infra/cluster';
import { RefusedError } from '../exit-codes.ts';
import { conflictingCidr, labCidr } from './addresses.ts';
import { findControlGroups } from './control-groups.ts';
import { describeOtherLab, findOwners } from './owner.ts';
import type { Places } from './places.ts';

/** The programs the lab starts, and the Debian package each comes from. */
const programs = {
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  mount: 'mount',
  nsenter: 'util-linux',
  'systemd-nspawn': 'systemd-container',
} as const;

const gib = 1024 ** 3;
/** An image is 1.5 GiB, a cluster's disks grow with its WAL. */
const diskNeededBytes = 6 * gib;
/** What everything with a second region was measured to take, plus room for the image's build. */
const memoryNeededBytes = 4 * gib;

/** What the checks look at; a test brings its own. */
export interface Surroundings {
  platform: string;
  userId: number | null;
  path: string;
}

/**
 * Finds out whether a lab can run here, before anything is touched.
 *
 * @throws RefusedError with everything that stands in the way and what to do about each.
 */
export async function checkSurroundings(places: Places, cluster: Cluster, around: Surroundings): Promise<void> {
  const problems = await findObstacles(places, cluster, around);
  if (problems.length > 0)
    throw new RefusedError(`the lab cannot run here:\n${problems.map((line) => `  - ${line}`).join('\n')}`);
}

/** Everything that stands in the way of a lab, each with what to do about it. */
export async function findObstacles(
  places: Places,
  cluster: Cluster,
  around: Surroundings,
): Promise<readonly string[]> {
  if (around.platform !== 'linux') {
    return [
      `the lab needs Linux, because its machines share the kernel; this is ${around.platform}. Use a Linux virtual machine.`,
    ];
  }
  const obstacles: string[] = [];
  if (around.userId !== 0)
    obstacles.push('root is required to create namespaces, mounts and control groups. Use sudo.');
  const missing = await missingPrograms(around.path);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => programs[name]))].join(' ');
    obstacles.push(`${missing.join(', ')} not found. On Debian or Ubuntu: apt-get install ${packages}`);
  }
  if (!(await readFile('/proc/filesystems', 'utf8')).includes('\toverlay')) {
    obstacles.push('the kernel has no overlayfs. Load it: modprobe overlay');
  }
  const groups = await findControlGroups().catch((error: Error) => {
    obstacles.push(`${error.message}.`);
    return null;
  });
  const otherFolder = groups === null ? null : (await findOwners(places, groups)).otherFolder;
  if (otherFolder !== null) obstacles.push(`${describeOtherLab(otherFolder)}.`);
  const cidr = conflictingCidr(cluster);
  if (cidr !== null)
    obstacles.push(
      `the CIDR range ${cidr} of the cluster overlaps ${labCidr}, which the lab itself uses. Choose another range.`,
    );
  obstacles.push(...(await occupiedRoutes(cluster)));
  if (totalmem() < memoryNeededBytes) {
    obstacles.push(`not enough memory: ${format(totalmem())}; the machines need ${format(memoryNeededBytes)}.`);
  }
  if (around.userId === 0) obstacles.push(...(await lackingSpace(places)));
  return obstacles;
}

async function missingPrograms(path: string): Promise<(keyof typeof programs)[]> {
  const folders = path.split(delimiter).filter(Boolean);
  const found = await Promise.all(
    (Object.keys(programs) as (keyof typeof programs)[]).map(async (name) => {
      const tries = folders.map((folder) => access(join(folder, name), constants.X_OK));
      return { name, isThere: (await Promise.allSettled(tries)).some(({ status }) => status === 'fulfilled') };
    }),
  );
  return found.filter(({ isThere }) => !isThere).map(({ name }) => name);
}

/** A range this machine already routes elsewhere, for example to a VPN, would be taken away from it. */
async function occupiedRoutes(cluster: Cluster): Promise<string[]> {
  const wanted = [labCidr, ...regionsOf(cluster).map(({ cidr }) => cidr)];
  const table = (await readFile('/proc/net/route', 'utf8')).trim().split('\n').slice(1);
  const taken = table
    .map((line) => line.split('\t'))
    .filter(([device]) => device !== 'pgha')
    .map(([device = '', destination = '']) => ({ device, prefix: littleEndianAddress(destination) }));
  return wanted.flatMap((cidr) => {
    const start = cidr.split('.').slice(0, 2).join('.');
    const route = taken.find(({ prefix }) => prefix.startsWith(`${start}.`));
    return route === undefined
      ? []
      : [`a route on ${route.device} already covers ${route.prefix}, inside ${cidr}. Choose another range.`];
  });
}

async function lackingSpace({ root, cache }: Places): Promise<string[]> {
  const obstacles: string[] = [];
  for (const folder of [root, cache]) {
    await mkdir(folder, { recursive: true });
    const { bavail, bsize, type } = await statfs(folder);
    // OVERLAYFS_SUPER_MAGIC: overlayfs cannot keep its changes on itself
    if (type === 0x794c7630) obstacles.push(`${folder} is on overlayfs. Set PGHA_LAB_DIR to a directory on a disk.`);
    if (bavail * bsize < diskNeededBytes) {
      obstacles.push(
        `not enough disk space: ${folder} has ${format(bavail * bsize)} free; ${format(diskNeededBytes)} are needed.`,
      );
    }
  }
  return obstacles;
}

const littleEndianAddress = (hex: string) =>
  (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');

const format = (bytes: number) => `${(bytes / gib).toFixed(1)} GiB`;
