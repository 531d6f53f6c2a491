import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { EmbeddedFailure } from './failure.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from './processes.ts';

/**
 * Takes the directory for this process. A lock whose owner has ended is replaced.
 *
 * @returns the function that gives it back.
 * @throws EmbeddedFailure 'directory-in-use', naming the process that has it.
 */
export function lockDirectory(dir: string): () => void {
  mkdirSync(dir, { recursive: true });
  const lock = join(dir, 'lock');
  const mine = join(dir, `lock.${process.pid}`);
  writeFileSync(mine, JSON.stringify(identifyProcess(process.pid)), { mode: 0o644 });
  try {
    while (!linked(mine, lock)) {
      const owner = readOwner(lock);
      if (owner !== null && isRunning(owner)) throw inUse(dir, owner.pid);
      // moved before it is deleted: of two that find it stale, one moves it and the other starts over
      const stale = join(dir, `lock.stale.${process.pid}`);
      if (!renamed(lock, stale)) continue;
      const moved = readOwner(stale);
      if (moved !== null && isRunning(moved)) {
        linked(stale, lock);
        throw inUse(dir, moved.pid);
      }
      rmSync(stale, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
    rmSync(join(dir, `lock.stale.${process.pid}`), { force: true });
  }
  return () => {
    if (readOwner(lock)?.pid === process.pid) rmSync(lock, { force: true });
  };
}

/** The living process that has the directory; null when nobody has. */
export function lockOwner(dir: string): ProcessIdentity | null {
  const owner = readOwner(join(dir, 'lock'));
  return owner !== null && isRunning(owner) ? owner : null;
}

/** @throws EmbeddedFailure 'directory-in-use', naming the process that has the directory. */
export function refuseDirectoryInUse(dir: string): void {
  const owner = lockOwner(dir);
  if (owner !== null) throw inUse(dir, owner.pid);
}

function inUse(dir: string, pid: number): EmbeddedFailure {
  return new EmbeddedFailure(
    'directory-in-use',
    `another pgha (pid ${pid}) is using ${dir}; stop it first, or choose another directory with --dir`,
  );
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function readOwner(path: string): ProcessIdentity | null {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity | null;
    return typeof owner?.pid === 'number' && typeof owner.startedAt === 'string' ? owner : null;
  } catch {
    return null; // gone meanwhile, or cut short by a power cut: nobody's
  }
}
