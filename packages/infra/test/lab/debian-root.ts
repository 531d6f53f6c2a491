import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MachineFile } from '../../src/machines/index.ts';

/** What a command in the root ended with; output and errors together, as a person would see them. */
export interface Outcome {
  code: number;
  output: string;
}

/** A Debian 13 root that a test may change: rendered files are judged by the programs that read them. */
export interface DebianRoot {
  write(files: readonly Pick<MachineFile, 'path' | 'content' | 'mode'>[]): void;
  /** Runs a shell script in the root: as root, with a network of its own and nothing of the host's. */
  run(script: string): Outcome;
  close(): void;
}

const folder = process.env['PGHA_LAB_DIR'] ?? '/var/cache/pgha-lab';
/** A minute on an idle machine; the mirror may be slow. */
const buildDeadlineMs = 600_000;
const runDeadlineMs = 120_000;

/** A root with these packages: a lab image that has them, or one built for the purpose and kept. */
export function openDebianRoot(packages: readonly string[]): DebianRoot {
  const lower = findImage(packages) ?? buildRoot(packages);
  const place = join(folder, 'validation', randomUUID());
  const root = join(place, 'root');
  for (const part of ['upper', 'work', 'root']) mkdirSync(join(place, part), { recursive: true });
  const options = `lowerdir=${lower},upperdir=${join(place, 'upper')},workdir=${join(place, 'work')}`;
  command(['mount', '-t', 'overlay', 'overlay', '-o', options, root]);
  return {
    write(files) {
      for (const { path, content, mode } of files) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), content, { mode: Number.parseInt(mode, 8) });
      }
    },
    run(script) {
      const nspawn = ['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '--as-pid2', '--pipe'];
      const isolated = ['--private-network', '--resolv-conf=off', '--timezone=off', `--directory=${root}`];
      const { status, stdout, stderr, error } = spawnSync(
        nspawn[0] ?? '',
        [...nspawn.slice(1), ...isolated, '/bin/sh', '-euc', `exec 2>&1\n${script}`],
        { encoding: 'utf8', timeout: runDeadlineMs, env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' } },
      );
      if (error !== undefined) throw error;
      // nspawn talks on standard error about itself; it matters only when it is all there is
      return { code: status ?? -1, output: stdout === '' && status !== 0 ? stderr : stdout };
    },
    close() {
      command(['umount', root]);
      rmSync(place, { recursive: true, force: true });
    },
  };
}

function findImage(packages: readonly string[]): string | null {
  const folders = [join(folder, 'images'), join(folder, 'cache', 'images'), join(folder, 'validation-images')];
  const images = folders.filter(existsSync).flatMap((path) => readdirSync(path).map((name) => join(path, name)));
  return images.find((image) => hasPackages(image, packages)) ?? null;
}

function hasPackages(image: string, packages: readonly string[]): boolean {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
  const query = ['--root', image, '-W', '-f=${db:Status-Status}\n', ...packages];
  const { status, stdout } = spawnSync('dpkg-query', query, { encoding: 'utf8' });
  return status === 0 && stdout.split('\n').filter((line) => line === 'installed').length === packages.length;
}

function buildRoot(packages: readonly string[]): string {
  const key = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 16);
  const images = join(folder, 'validation-images');
  mkdirSync(images, { recursive: true });
  const unfinished = join(folder, `unfinished-${randomUUID()}`);
  command(['mmdebstrap', '--variant=apt', `--include=${packages.join(',')}`, 'trixie', unfinished], buildDeadlineMs);
  renameSync(unfinished, join(images, key));
  return join(images, key);
}

function command(words: readonly string[], timeout = 30_000): void {
  const { status, stderr, error } = spawnSync(words[0] ?? '', words.slice(1), { encoding: 'utf8', timeout });
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${stderr}`, { cause: error });
}
