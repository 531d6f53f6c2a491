import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dataMount } from '@pgha/infra/machines';
import type { Host } from '../hosts/host.ts';
import { createNspawnHost } from '../hosts/nspawn.ts';
import { waitUntil } from '../wait-until.ts';
import { hardwareAddressOf } from './addresses.ts';
import type { PlainFile } from './aws-machine.ts';
import { command, inNetwork } from './command.ts';
import { type ControlGroups, createGroup, destroyGroup, groupProcesses } from './control-groups.ts';
import { startDetached } from './detached.ts';
import { machinePlaces, type Places, prefix } from './places.ts';

/** Where a machine stands in the lab's networks. */
interface Attachment {
  /** The namespace whose bridge it hangs on. */
  namespace: string;
  bridge: string;
  addresses: readonly string[];
  prefixLength: number;
  gateway: string;
  neighbours: readonly { address: string; hardwareAddress: string }[];
}

/** What a machine is before it has booted. */
export interface MachinePlan {
  name: string;
  hostname: string;
  attachment: Attachment;
  /** The memory of its instance type, in bytes. */
  memoryBytes: number;
  /** The cloud-init user-data EC2 would get; null: cloud-init has nothing to do and stays away. */
  userData: Uint8Array | null;
  /** What it finds on its disk besides the image. */
  files: readonly PlainFile[];
  /** The size of its data volume; null: its data is on its disk, which is as large as this computer's. */
  volumeBytes: number | null;
}

/** What booting an installed machine needs. */
export type BootPlan = Pick<MachinePlan, 'name' | 'hostname' | 'attachment' | 'memoryBytes'>;

/** What every call about machines needs to know of this lab. */
export interface Rack {
  places: Places;
  groups: ControlGroups;
  /** The root file system machines share. */
  image: string;
}

/** Gives a machine a fresh disk: the image below, its identity, its network and its user-data on top. */
export async function installMachine(rack: Rack, plan: MachinePlan): Promise<void> {
  const places = machinePlaces(rack.places, plan.name);
  await rm(places.folder, { recursive: true, force: true });
  for (const folder of [places.upper, places.work, places.root]) await mkdir(folder, { recursive: true, mode: 0o755 });
  if (plan.volumeBytes !== null) await makeVolume(places.volume, plan.volumeBytes);
  const put = async (path: string, content: string | Uint8Array, mode = 0o644) => {
    const file = join(places.upper, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, mode);
  };
  const link = async (path: string, target: string) => {
    const place = join(places.upper, path);
    await mkdir(dirname(place), { recursive: true });
    await symlink(target, place);
  };
  // a file that is there already keeps systemd from asking its first-boot questions
  await put('etc/machine-id', `${randomBytes(16).toString('hex')}\n`, 0o444);
  await put('etc/hostname', `${plan.hostname}\n`);
  await put('etc/systemd/network/10-host0.network', renderNetwork(plan.attachment));
  await put('etc/resolv.conf', '# names come from /etc/hosts; nothing answers DNS here\n');
  for (const file of plan.files) {
    if ('content' in file) await put(file.path, file.content, file.mode);
    else await link(file.path, file.target);
  }
  if (plan.userData === null) {
    await put('etc/cloud/cloud-init.disabled', '');
    return;
  }
  await put('var/lib/cloud/seed/nocloud/meta-data', `instance-id: i-${plan.name}\nlocal-hostname: ${plan.hostname}\n`);
  await put('var/lib/cloud/seed/nocloud/user-data', plan.userData, 0o600);
}

/** A file system in a file that takes no more of this computer's disk than what is written to it. */
async function makeVolume(file: string, bytes: number): Promise<void> {
  await writeFile(file, '');
  await truncate(file, bytes);
  await command(['mkfs.ext4', '-q', '-L', 'pgha-data', file]);
}

/** From outside: a machine of the lab has no devices. The kernel ends the loop device when nothing has it mounted. */
async function mountVolume(places: Places, name: string): Promise<void> {
  const { volume, root } = machinePlaces(places, name);
  if (!existsSync(volume)) return;
  const folder = join(root, dataMount);
  await mkdir(folder, { recursive: true });
  // its tables are zeroes already: the kernel need not write them
  await command(['mount', '-t', 'ext4', '-o', 'loop,noatime,noinit_itable', volume, folder]);
}

/** Boots a machine from its disk, as it was when it went off. Returns when its init runs. */
export async function startMachine(rack: Rack, plan: BootPlan): Promise<void> {
  const { root, upper, work, console } = machinePlaces(rack.places, plan.name);
  if (!(await isMounted(root))) {
    const layers = `lowerdir=${rack.image},upperdir=${upper},workdir=${work}`;
    await command(['mount', '-t', 'overlay', prefix, '-o', layers, root]);
    await mountVolume(rack.places, plan.name);
  }
  const processFiles = await createGroup(rack.groups, plan.name, plan.memoryBytes);
  const { namespace, bridge } = plan.attachment;
  await removeLeftover(namespace, plan.name);
  const nspawn = [
    'nsenter',
    `--net=/run/netns/${namespace}`,
    '--',
    'systemd-nspawn',
    '--quiet',
    `--directory=${root}`,
    `--machine=${plan.name}`,
    `--hostname=${plan.hostname}`,
    `--network-bridge=${bridge}`,
    // systemd is not the first process of every host, and then neither machined nor a scope is there
    '--register=no',
    '--keep-unit',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    '--console=pipe',
    '--boot',
  ];
  const child = await startDetached(nspawn, {
    processFiles,
    log: console,
    // an init of today refuses the version 1 hierarchy that some hosts still mount
    env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
  });
  await waitUntil(
    async () => {
      if (child.exitCode !== null) throw new Error(await lastLines(console));
      return (await findLeader(rack.groups, plan.name)) !== null;
    },
    { what: `${plan.name} to boot`, timeoutMs: 60_000, everyMs: 50 },
  );
}

/**
 * Takes away the interface of a machine whose power was cut: the kernel does it too, seconds later on a busy computer, and until
 * then nspawn refuses the name.
 */
async function removeLeftover(namespace: string, name: string): Promise<void> {
  // systemd-nspawn's own name for the outer end, cut to what an interface may have
  const outer = `vb-${name}`.slice(0, 15);
  const links = await command(inNetwork(namespace, ['ip', '-oneline', 'link']));
  if (!links.includes(` ${outer}@`)) return;
  await command(inNetwork(namespace, ['ip', 'link', 'delete', outer])).catch((error: Error) => {
    // the kernel was quicker
    if (!error.message.includes('Cannot find device')) throw error;
  });
}

/** Shuts a machine down as its power button does; after the time it is switched off. */
export async function shutDownMachine(rack: Rack, name: string, timeoutMs = 60_000): Promise<void> {
  const leader = await findLeader(rack.groups, name);
  if (leader !== null) {
    // SIGRTMIN+4 is systemd's "power off"
    await command(['kill', '-s', 'RTMIN+4', `${leader}`]);
    const deadline = Date.now() + timeoutMs;
    while ((await groupProcesses(rack.groups, name)).length > 0 && Date.now() < deadline) await delay(100);
  }
  await cutPower(rack, name);
}

/** Ends everything of a machine at once. Its disk stays, with what was written to it. */
export async function cutPower({ groups }: Pick<Rack, 'groups'>, name: string): Promise<void> {
  await destroyGroup(groups, name);
}

/** The process id of the machine's init, seen from outside; null while it is off. */
export async function findLeader(groups: ControlGroups, name: string): Promise<number | null> {
  for (const pid of await groupProcesses(groups, name)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    // two process ids: one here, and 1 in the machine
    if (/^NSpid:\t\d+\t1$/m.test(status) && /^Name:\tsystemd$/m.test(status)) return pid;
  }
  return null;
}

/** The machine as operations see it. */
export function labHost(groups: ControlGroups, name: string): Host {
  return createNspawnHost(name, () => findLeader(groups, name));
}

/** Takes one machine's file system out of this machine's tree; it has to be off. */
export async function unmountMachine(places: Places, name: string): Promise<void> {
  const { root } = machinePlaces(places, name);
  const volume = join(root, dataMount);
  if (await isMounted(volume)) await command(['umount', volume]);
  if (await isMounted(root)) await command(['umount', root]);
}

/** Takes every machine's file system out of this machine's tree. */
export async function unmountMachines(places: Places): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${places.root}/`)).reverse()) {
    await command(['umount', mount]);
  }
}

async function isMounted(path: string): Promise<boolean> {
  return (await readFile('/proc/self/mounts', 'utf8')).split('\n').some((line) => line.split(' ')[1] === path);
}

async function lastLines(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trim().split('\n').slice(-3).join('\n');
}

function renderNetwork({ addresses, prefixLength, gateway, neighbours }: Attachment): string {
  const [own] = addresses;
  if (own === undefined) throw new Error('a machine needs an address');
  const lines = [
    '[Match]',
    'Name=host0',
    '[Link]',
    `MACAddress=${hardwareAddressOf(own)}`,
    '[Network]',
    `Gateway=${gateway}`,
    'LinkLocalAddressing=no',
    'IPv6AcceptRA=no',
    ...addresses.flatMap((address, index) => [
      '[Address]',
      `Address=${address}/${index === 0 ? prefixLength : 32}`,
      // networkd asks for six seconds whether somebody else has a link-local address, as the metadata service's is
      'DuplicateAddressDetection=none',
    ]),
    ...neighbours
      .filter(({ address }) => !addresses.includes(address))
      .flatMap(({ address, hardwareAddress }) => [
        '[Neighbor]',
        `Address=${address}`,
        `LinkLayerAddress=${hardwareAddress}`,
      ]),
  ];
  return `${lines.join('\n')}\n`;
}
