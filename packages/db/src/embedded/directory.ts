import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { EmbeddedFailure } from './failure.ts';
import { lockDirectory } from './lock.ts';
import { removeDataRoot } from './place.ts';

const REMEDIES: Record<string, string> = {
  EACCES: 'run as the user it belongs to',
  EPERM: 'run as the user it belongs to',
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
      `cannot use ${wanted} (${code}): ${remedy}, or choose another place with --dir`,
      {
        cause,
      },
    );
  }
}

/** Data whose primary, or whose passwords, nobody knows are not guessed at. */
export function requireFiles(root: string, files: string[]): void {
  const missing = files.find((file) => !existsSync(file));
  if (missing === undefined) return;
  throw new EmbeddedFailure(
    'state-missing',
    `${root} holds data, but ${missing}, which belongs to it, is gone; restore it, or begin anew with --fresh`,
  );
}

/** Removes the data and what belongs to them; the logs stay. */
export function removeEverything(dir: string): void {
  removeDataRoot(dir);
  for (const name of ['state.json', 'logins.json', 'pgpass']) rmSync(join(dir, name), { force: true });
}
