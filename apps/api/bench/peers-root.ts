import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UsageError } from './options.ts';

/** Debian 13, which the nodes run: peers are measured as they ship today, not as this computer happens to have them. */
const suite = 'trixie';
const packages = [
  'golang-github-gin-gonic-gin-dev',
  'golang-github-jackc-pgx-v4-dev',
  'golang-go',
  'python3-asyncpg',
  'python3-fastapi',
  'python3-httptools',
  'python3-pydantic',
  'python3-uvicorn',
  'python3-uvloop',
] as const;

const sources = ['main.go', 'main.py'].map((file) => fileURLToPath(new URL(`./peers/${file}`, import.meta.url)));
/** Where the root has them, and the program built of the first. */
export const peersDirectory = '/opt/peers';
/** Debian installs Go libraries as sources outside any module. */
const buildGin = `cd ${peersDirectory} && HOME=/tmp GO111MODULE=off GOPATH=/usr/share/gocode go build -o gin main.go && rm -rf /tmp/.cache`;

/** Roots are kept: one has half a gigabyte, and takes minutes to install. */
const cache = '/var/cache/pgha-bench';

export interface PeersRoot {
  path: string;
  /** Upstream version by package. */
  versions: Record<(typeof packages)[number], string>;
}

/**
 * A Debian root file system with the peers in it, installed unless the cache has it. It appears whole or not at all; those
 * of other packages or sources are removed.
 *
 * @throws where the caller is not root: `mmdebstrap` and `chroot` need it.
 */
export async function providePeersRoot(progress: (line: string) => void): Promise<PeersRoot> {
  if (process.getuid?.() !== 0) {
    throw new UsageError('--peers requires root: the peers are installed with mmdebstrap and run in a chroot');
  }
  const path = join(cache, await keyOf());
  if (!(await exists(path))) {
    progress(`installing the peers from Debian ${suite} into ${path} (once)`);
    await mkdir(cache, { recursive: true });
    for (const name of await readdir(cache)) await rm(join(cache, name), { recursive: true, force: true });
    const unfinished = join(cache, `unfinished-${randomUUID()}`);
    await run('mmdebstrap', [
      '--variant=apt',
      `--include=${packages.join(',')}`,
      `--customize-hook=mkdir -p "$1${peersDirectory}"`,
      `--customize-hook=copy-in ${sources.join(' ')} ${peersDirectory}`,
      `--customize-hook=chroot "$1" sh -c '${buildGin}'`,
      suite,
      unfinished,
    ]);
    await rename(unfinished, path);
  }
  return { path, versions: await readVersions(path) };
}

/** What it printed. Throws with what it wrote to stderr. */
async function run(program: string, args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

async function keyOf(): Promise<string> {
  const texts = await Promise.all(sources.map((source) => readFile(source, 'utf8')));
  const content = JSON.stringify([suite, packages, buildGin, texts]);
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

async function readVersions(root: string): Promise<PeersRoot['versions']> {
  const text = await run('chroot', [root, 'dpkg-query', '--show', ...packages]);
  // "python3-asyncpg\t0.30.0-1+b2", with ":amd64" after the name where several architectures can be installed
  const lines = text.trim().split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', version = ''] = line.split('\t');
      return [name.replace(/:.*/, ''), upstreamOf(version)];
    }),
  ) as PeersRoot['versions'];
}

/** Of deb-version(7), `[epoch:]upstream[-revision]`, the numbers of the upstream part. */
function upstreamOf(version: string): string {
  return /^(?:\d+:)?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? version;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
