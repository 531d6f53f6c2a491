import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './command.ts';
import type { Places } from './places.ts';

/** Debian 13, as on EC2. */
const suite = 'trixie';

/** What makes Debian's root file system a machine that boots under nspawn as an EC2 instance does. */
const systemPackages = ['cloud-init', 'dbus', 'iproute2', 'procps', 'systemd', 'systemd-sysv'] as const;

/** What the AWS stand-in runs; moto's server needs flask-cors, which its package does not ask for. */
const awsPackages = ['haproxy', 'python3-boto3', 'python3-flask', 'python3-flask-cors', 'python3-moto'] as const;

/**
 * Preparations of a packed root, in order; part of the image's key. Debian starts what it installs, and creates a
 * PostgreSQL cluster: an image that holds every role's packages must start nothing that a role did not ask for.
 */
const settleScript = `set -eu
root=$1
# a fresh machine has neither name nor identity; both are given to it at boot
rm -f "$root/etc/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
# packages' own services stay off unless a machine turns them on
for unit in "$root"/etc/systemd/system/multi-user.target.wants/*; do
  case \${unit##*/} in
    *.service) rm -f "$unit" ;;
  esac
done
rm -f "$root"/etc/systemd/system/timers.target.wants/*.timer
chroot "$root" systemctl enable systemd-networkd.service >&2
# the container's network is set from outside; cloud-init would write a second file for it
printf 'network: {config: disabled}\\n' > "$root/etc/cloud/cloud.cfg.d/99-lab-network.cfg"
printf 'datasource_list: [NoCloud]\\n' > "$root/etc/cloud/cloud.cfg.d/99-lab-datasource.cfg"
# one kind of host key is enough where a dozen machines make theirs on two cores
printf 'ssh_genkeytypes: [ed25519]\\nno_ssh_fingerprints: true\\nssh: {emit_keys_to_console: false}\\n' > "$root/etc/cloud/cloud.cfg.d/99-lab-ssh.cfg"
`;

/** Before packages are unpacked: no default PostgreSQL cluster, nothing started in the chroot. */
const prepareScript = `set -eu
mkdir -p "$1/etc/postgresql-common"
printf 'create_main_cluster = false\\n' > "$1/etc/postgresql-common/createcluster.conf"
`;

/** A built image: a root file system that machines share, read-only, below their own changes. */
export interface Image {
  path: string;
  packages: readonly string[];
}

/**
 * The image with these packages, built unless the cache has it. It appears whole or not at all: an interrupted build
 * leaves only a folder that the next one removes, with the images of other package lists. No machine may be running.
 *
 * @param onProgress called with what the build says, a line at a time.
 */
export async function provideImage(
  places: Places,
  rolePackages: readonly string[],
  onProgress: (line: string) => void,
  signal?: AbortSignal,
): Promise<Image> {
  const packages = [...new Set([...systemPackages, ...awsPackages, ...rolePackages])].sort();
  const images = join(places.cache, 'images');
  const path = join(images, imageKey(packages));
  if (await exists(path)) return { path, packages };
  await mkdir(images, { recursive: true });
  const unfinished = join(images, `unfinished-${randomUUID()}`);
  await command(
    [
      'mmdebstrap',
      '--variant=apt',
      `--include=${packages.join(',')}`,
      `--essential-hook=${prepareScript}`,
      `--customize-hook=${settleScript}`,
      suite,
      unfinished,
    ],
    { timeoutMs: 900_000, onLine: onProgress, ...(signal === undefined ? {} : { signal }) },
  );
  await rename(unfinished, path);
  await removeOthers(images, path);
  return { path, packages };
}

/** Removes every image, also those an interrupted build left. */
export async function removeImages(places: Places): Promise<void> {
  await rm(join(places.cache, 'images'), { recursive: true, force: true });
}

function imageKey(packages: readonly string[]): string {
  const content = JSON.stringify([suite, packages, prepareScript, settleScript]);
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

/** What earlier package lists and interrupted builds left: more than a gigabyte each. */
async function removeOthers(images: string, kept: string): Promise<void> {
  for (const name of await readdir(images)) {
    if (join(images, name) !== kept) await rm(join(images, name), { recursive: true, force: true });
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
