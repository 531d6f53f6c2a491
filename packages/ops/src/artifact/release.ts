import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, copyFile, cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { type Host, runChecked } from '../hosts/host.ts';

/** Both HTTP services with the Node they run on, as one archive. */
export interface Release {
  /** Follows from everything in it: the same content is the same version. */
  version: string;
  /** The `.tar.zst` file on this computer. */
  archive: string;
  /** Of the archive, in hexadecimal. */
  sha256: string;
}

/** The workspace's packages the services consist of. */
const packages = ['apps/api', 'apps/read-api', 'packages/db', 'packages/http'] as const;
/** What packages ship for other readers than Node: a third of the files that every API server would unpack. */
const unread = /\.d\.[cm]?ts$|\.map$/;
/** What installs the rest. */
const workspaceFiles = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'] as const;

/**
 * Builds the release of the workspace as it is on disk: the sources, their production dependencies and Node, laid out as in
 * the workspace, because Node strips types of workspace sources but of nothing below `node_modules`.
 *
 * @param host this computer, in the workspace's folder.
 * @param cache where releases are kept; one that is there is not built again.
 * @param node the Node binary the services run on.
 */
export async function buildRelease(host: Host, workspace: string, cache: string, node: string): Promise<Release> {
  const sources = await listSources(workspace);
  const version = await versionOf(workspace, sources);
  const archive = join(cache, `${version}.tar.zst`);
  if (!(await exists(archive))) {
    const folder = join(cache, `unfinished-${version}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await stage(host, workspace, sources, folder, node);
    await pack(host, folder, archive);
    await rm(folder, { recursive: true });
  }
  return { version, archive, sha256: await sha256Of(archive) };
}

async function stage(
  host: Host,
  workspace: string,
  sources: readonly string[],
  folder: string,
  node: string,
): Promise<void> {
  for (const source of sources) {
    await mkdir(join(folder, source, '..'), { recursive: true });
    await cp(join(workspace, source), join(folder, source));
  }
  const { packageManager } = JSON.parse(await readFile(join(workspace, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  const filters = ['@pgha/api...', '@pgha/read-api...'].map((name) => `--filter=${name}`);
  // no install script runs: everything in it is JavaScript
  const install = ['--prod', '--no-optional', '--frozen-lockfile', '--prefer-offline', '--ignore-scripts', ...filters];
  await runChecked(host, ['npx', '-y', packageManager, `--dir=${folder}`, 'install', ...install], {
    timeoutMs: 300_000,
  });
  await removeUnread(join(folder, 'node_modules'));
  await mkdir(join(folder, 'bin'));
  await copyFile(node, join(folder, 'bin/node'));
  await chmod(join(folder, 'bin/node'), 0o755);
}

async function removeUnread(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && unread.test(entry.name));
  await Promise.all(files.map((file) => rm(join(file.parentPath, file.name))));
}

/** The same tree is the same bytes: names sorted, no owners, no times. */
async function pack(host: Host, folder: string, archive: string): Promise<void> {
  const tar = `${folder}.tar`;
  const neutral = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
  await runChecked(host, ['tar', ...neutral, '-C', folder, '-cf', tar, '.'], { timeoutMs: 120_000 });
  // level 3 packs Node's binary to a third within two seconds; higher ones gain a tenth for ten times the time
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  await pipeline(createReadStream(tar), compress, createWriteStream(`${archive}.new`));
  await rm(tar);
  await rename(`${archive}.new`, archive);
}

/** Every file of the services' packages that runs, relative to the workspace, in order. */
async function listSources(workspace: string): Promise<readonly string[]> {
  const files: string[] = [...workspaceFiles];
  for (const folder of packages) {
    files.push(join(folder, 'package.json'));
    for (const part of ['src', 'migrations']) {
      const entries = await readdir(join(workspace, folder, part), { recursive: true, withFileTypes: true }).catch(
        () => [],
      );
      files.push(
        ...entries
          .filter((entry) => entry.isFile())
          .map((entry) => relative(workspace, join(entry.parentPath, entry.name))),
      );
    }
  }
  // tests do not run there, and neither does the embedded database
  return files.filter((file) => !file.endsWith('.test.ts') && !file.includes('/src/embedded/')).sort();
}

async function versionOf(workspace: string, sources: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(process.version).update(unread.source);
  for (const source of sources) hash.update(`\0${source}\0`).update(await readFile(join(workspace, source)));
  const { version } = JSON.parse(await readFile(join(workspace, 'package.json'), 'utf8')) as { version: string };
  return `${version}-${hash.digest('hex').slice(0, 12)}`;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
