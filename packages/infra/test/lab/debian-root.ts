import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { allNodes, defineCluster } from '../../src/cluster/index.ts';
import { type MachineFile, renderMachine, type Site } from '../../src/machines/index.ts';

/** What a command in the root ended with; output and errors together, as a person would see them. */
interface Outcome {
  code: number;
  output: string;
}

/** A Debian 13 root that a test may change: rendered files are judged by the programs that read them. */
export interface DebianRoot {
  write(files: readonly Pick<MachineFile, 'path' | 'content' | 'mode'>[]): void;
  /** Runs a shell script in the root: as root, with a network of its own and nothing of the host's. */
  run(script: string): Outcome;
  /** Runs a shell script in the root after systemd has booted it, with the rendered units at hand. */
  boot(script: string): Outcome;
  /** Copies a file of this computer. */
  copy(source: string, path: string): void;
  close(): void;
}

/** What tests need besides the machines' own packages. */
const tools = [
  'curl',
  'dbus',
  'e2fsprogs',
  'etcd-client',
  'etcd-server',
  'iproute2',
  'kmod',
  'openssl',
  'procps',
  'python3-flask',
  'python3-flask-cors',
  'python3-moto',
  'shellcheck',
  'systemd',
  'systemd-sysv',
  'udev',
];

/** A site whose machines need nothing of AWS to be rendered. */
export const site: Site = {
  kind: 'lab',
  ssmEndpoint: 'http://127.0.0.1:5000',
  s3Endpoint: 'http://127.0.0.1:5000',
  extraCa: null,
  hosts: {},
  packagesPreinstalled: true,
  watchdog: 'none',
  dataDevice: null,
  artifactBucket: 'artifacts',
  backupBuckets: { primary: 'backups', dr: 'backups-dr' },
};

const folder = process.env['PGHA_LAB_DIR'] ?? '/var/cache/pgha-lab';
/** A minute on an idle machine; the mirror may be slow. */
const buildDeadlineMs = 600_000;
/** Generous: the machine that runs the tests may be busy with other things. */
const runDeadlineMs = 300_000;

/** A root with these packages: a lab image that has them, or one built for the purpose and kept. */
export function openDebianRoot(packages: readonly string[]): DebianRoot {
  const lower = findImage(packages) ?? buildRoot(packages);
  const place = join(folder, 'validation', randomUUID());
  const root = join(place, 'root');
  for (const part of ['upper', 'work', 'root']) mkdirSync(join(place, part), { recursive: true });
  const options = `lowerdir=${lower},upperdir=${join(place, 'upper')},workdir=${join(place, 'work')}`;
  command(['mount', '-t', 'overlay', 'overlay', '-o', options, root]);
  const nspawn = (how: readonly string[], words: readonly string[]) => {
    const isolated = [
      '--private-network',
      '--resolv-conf=off',
      '--timezone=off',
      '--link-journal=no',
      `--directory=${root}`,
    ];
    const standAlone = ['--quiet', '--register=no', '--keep-unit'];
    return execute(['systemd-nspawn', ...standAlone, ...isolated, ...how, ...words], runDeadlineMs);
  };
  return {
    write(files) {
      for (const { path, content, mode } of files) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), content, { mode: Number.parseInt(mode, 8) });
      }
    },
    run(script) {
      const { status, stdout, stderr } = nspawn(['--as-pid2', '--pipe'], ['/bin/sh', '-euc', `exec 2>&1\n${script}`]);
      // nspawn talks on standard error about itself; it matters only when it is all there is
      return { code: status, output: stdout === '' && status !== 0 ? stderr : stdout };
    },
    boot(script) {
      this.write([
        { path: '/root/script', content: `exec >/root/output 2>&1\n${script}`, mode: '0755' },
        { path: '/etc/systemd/system/script.service', content: bootUnit, mode: '0644' },
      ]);
      const { stdout } = nspawn(['--boot'], ['systemd.unit=script.service', 'systemd.show_status=no']);
      const read = (path: string) => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : stdout);
      return { code: Number(read('/root/code')), output: read('/root/output') };
    },
    copy(source, path) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      copyFileSync(source, join(root, path));
    },
    close() {
      command(['umount', root]);
      rmSync(place, { recursive: true, force: true });
    },
  };
}

/** The script is all that is started: whatever else a test wants, it starts itself. */
const bootUnit = `[Unit]
Requires=sysinit.target dbus.socket
After=sysinit.target dbus.socket basic.target
AllowIsolate=yes

[Service]
Type=oneshot
ExecStart=/bin/sh -c '/bin/sh -eu /root/script; echo $? >/root/code'
ExecStopPost=/usr/bin/systemctl --no-block --force poweroff
StandardInput=null
`;

function findImage(packages: readonly string[]): string | null {
  const folders = [join(folder, 'images'), join(folder, 'cache', 'images'), join(folder, 'validation-images')];
  const images = folders.filter(existsSync).flatMap((path) => readdirSync(path).map((name) => join(path, name)));
  return images.find((image) => hasPackages(image, packages)) ?? null;
}

function hasPackages(image: string, packages: readonly string[]): boolean {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
  const query = ['--root', image, '-W', '-f=${db:Status-Status}\n', ...packages];
  const { status, stdout } = execute(['dpkg-query', ...query]);
  return status === 0 && stdout.split('\n').filter((line) => line === 'installed').length === packages.length;
}

/** One root for all tests, whichever asks first: it takes a minute and more than a gigabyte. */
function buildRoot(packages: readonly string[]): string {
  const everything = [...new Set([...rolePackages(), ...tools, ...packages])].sort();
  const key = createHash('sha256').update(everything.join(' ')).digest('hex').slice(0, 16);
  const images = join(folder, 'validation-images');
  mkdirSync(images, { recursive: true });
  const unfinished = join(folder, `unfinished-${randomUUID()}`);
  command(['mmdebstrap', '--variant=apt', `--include=${everything.join(',')}`, 'trixie', unfinished], buildDeadlineMs);
  // somebody else may have built it meanwhile; theirs may be in use
  if (existsSync(join(images, key))) rmSync(unfinished, { recursive: true });
  else renameSync(unfinished, join(images, key));
  return join(images, key);
}

function rolePackages(): readonly string[] {
  const cluster = defineCluster({});
  return allNodes(cluster).flatMap((node) => renderMachine(cluster, node, site).packages);
}

function command(words: readonly string[], timeoutMs?: number): void {
  const { status, stderr } = execute(words, timeoutMs);
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${stderr}`);
}

function execute([program = '', ...words]: readonly string[], timeoutMs = 30_000) {
  const env = { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' };
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: 'utf8', timeout: timeoutMs, env });
  if (error !== undefined) throw error;
  return { status: status ?? -1, stdout, stderr };
}
