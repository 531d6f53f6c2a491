import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

import { EmbeddedFailure } from './failure.ts';

/** The unprivileged user PostgreSQL runs as when we are root: it refuses to run as root itself. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Chooses who runs PostgreSQL.
 *
 * @param dataDir where the data lies or will lie; existing data is run by its owner, as PostgreSQL demands.
 * @returns null for "whoever we are", which is the answer for every user but root.
 */
export function chooseAccount(dataDir: string): Account | null {
  if (process.getuid?.() !== 0) return null;
  const owner = statSync(dataDir, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) return { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  for (const name of ['postgres', 'nobody']) {
    const uid = identity(['-u', name]);
    const gid = identity(['-g', name]);
    if (uid !== null && gid !== null && uid !== 0) return { name, uid, gid };
  }
  // initdb looks its user up by name, so a bare number does not do
  throw new EmbeddedFailure(
    'no-account',
    'PostgreSQL refuses to run as root, and neither user "postgres" nor "nobody" exists; create one, or run as a non-root user',
  );
}

/** Whether the account can do `test FLAG PATH`, asked by becoming that account: modes alone do not show ACLs or mounts. */
export function accountCan(account: Account, flag: '-r' | '-w' | '-x', path: string): boolean {
  const { uid, gid } = account;
  return spawnSync('/bin/sh', ['-c', 'test "$0" "$1"', flag, path], { uid, gid, cwd: '/' }).status === 0;
}

function identity(options: string[]): number | null {
  const { status, stdout } = spawnSync('id', options, { encoding: 'utf8' });
  return status === 0 ? Number(stdout.trim()) : null;
}
