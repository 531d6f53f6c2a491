import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';

import { type Account, accountCan } from './account.ts';
import { SHARED_PLACE } from './binaries.ts';
import { EmbeddedFailure } from './failure.ts';

const OURS = /^(lock.*|state\.json|logins\.json|pgpass|data|logs)$/;

/**
 * Makes `dir/data` a directory the account can use. Where the account cannot reach `dir` (root's home is closed to
 * others), the data lie under /var/lib/pgha and `dir/data` is a link to them.
 */
export function prepareDataRoot(dir: string, account: Account | null): string {
  const root = join(dir, 'data');
  if (account === null) {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const { uid } = statSync(root);
    if (uid !== process.getuid?.()) {
      throw new EmbeddedFailure(
        'directory-unreadable',
        `${root} is owned by user ${uid}; run as that user (or as root) as before, or choose another directory with --dir`,
      );
    }
    return root;
  }
  // to be traversed, not listed, and only where nothing but ours lies; the files with passwords have modes of their own
  if (readdirSync(dir).every((name) => OURS.test(name))) chmodSync(dir, statSync(dir).mode | 0o011);
  const existing = lstatSync(root, { throwIfNoEntry: false });
  if (existing === undefined) {
    mkdirSync(root, { mode: 0o700 });
    chownSync(root, account.uid, account.gid);
    if (accountCan(account, '-w', root)) return root;
    rmSync(root, { recursive: true });
    linkToSharedPlace(dir, root, account);
  }
  // through the link the account could not go: it starts in the directory that is closed to it
  const real = realpathSync(root);
  if (accountCan(account, '-w', real)) return real;
  throw new EmbeddedFailure(
    'directory-unreadable',
    `user ${account.name} cannot write to ${real}; give that user access, or delete the data and start from scratch with --fresh`,
  );
}

/** Removes the data, also where `dir/data` only leads to them. */
export function removeDataRoot(dir: string): void {
  const root = join(dir, 'data');
  const existing = lstatSync(root, { throwIfNoEntry: false });
  if (existing?.isSymbolicLink()) rmSync(sharedHome(dir), { recursive: true, force: true });
  rmSync(root, { recursive: true, force: true });
}

function linkToSharedPlace(dir: string, root: string, account: Account): void {
  const home = sharedHome(dir);
  const target = join(home, 'data');
  try {
    mkdirSync(target, { recursive: true });
  } catch (cause) {
    throw new EmbeddedFailure(
      'directory-unreadable',
      `user ${account.name} cannot access ${dir}, and ${SHARED_PLACE} is not writable (${(cause as NodeJS.ErrnoException).code}); choose a directory that this user can access with --dir`,
      { cause },
    );
  }
  for (const path of [SHARED_PLACE, home]) chmodSync(path, 0o755);
  chownSync(target, account.uid, account.gid);
  chmodSync(target, 0o700);
  symlinkSync(target, root);
}

/** Named after the directory it belongs to, so that two checkouts never share one. */
function sharedHome(dir: string): string {
  return join(SHARED_PLACE, createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 12));
}
