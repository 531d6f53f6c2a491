import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { EmbeddedFailure } from './failure.ts';
import { lockDirectory } from './lock.ts';
import { removeDataRoot } from './place.ts';

const REMEDIES: Record<string, string> = {
  EACCES: 'run as the user that owns it',
  EPERM: 'run as the user that owns it',
  EROFS: 'the file system is read-only',
  EEXIST: 'it is not a directory',
  ENOTDIR: 'it is not in a directory',
};

/** Makes the directory and takes it for this process. */
export function claimDirectory(path: string, undo: (() => unknown)[]): string {
  const wanted = resolve(path);
  try {
    mkdirSync(wanted, { recursive: true });
    const dir = realpathSync(wanted);
    undo.push(lockDirectory(dir));
    return dir;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const remedy = REMEDIES[code ?? ''];
    if (remedy === undefined) throw cause;
    throw new EmbeddedFailure(
      'directory-unreadable',
      `cannot use ${wanted} (${code}): ${remedy}, or choose another directory with --dir`,
      {
        cause,
      },
    );
  }
}

/** Neither the primary of existing data nor its passwords are guessed. */
export function requireFiles(root: string, files: string[]): void {
  const missing = files.find((file) => !existsSync(file));
  if (missing === undefined) return;
  throw new EmbeddedFailure(
    'state-missing',
    `${root} has data, but ${missing} is missing; restore that file, or delete the data and start from scratch with --fresh`,
  );
}

/** Removes the data and what belongs to them; the logs stay. */
export function removeEverything(dir: string): void {
  removeDataRoot(dir);
  for (const name of ['state.json', 'logins.json', 'pgpass']) rmSync(join(dir, name), { force: true });
}
