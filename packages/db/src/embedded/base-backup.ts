import { constants, type Dirent } from 'node:fs';
import { chmod, chown, copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';

import type { Account } from './account.ts';

/** Directories a base backup keeps empty: PostgreSQL 17, "Making a Base Backup Using the Low Level API". */
const EMPTY_DIRECTORIES = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
]);
/** Files that belong to the running server alone, and those the backup writes itself. */
const LEFT_OUT = new Set([
  'backup_label',
  'backup_manifest',
  'current_logfiles',
  'postmaster.opts',
  'postmaster.pid',
  'recovery.signal',
  'standby.signal',
  'tablespace_map',
]);
/** Enough to keep a disk busy; more only queue in libuv's four threads. */
const COPIES_AT_ONCE = 4;

interface CopyServerOptions {
  /** A superuser's session on the running server, kept for as long as the copy takes. */
  source: Client;
  from: string;
  to: string;
  account: Account | null;
  signal: AbortSignal;
}

/**
 * Copies a running server's files, ready to follow it as a standby. The caller has made a replication slot before, so
 * that the WAL from the start of the copy is still there to be streamed. What was in `to` is removed.
 */
export async function copyRunningServer({ source, from, to, account, signal }: CopyServerOptions): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await source.query(`select pg_backup_start('pgha', fast => true)`);
  await copyDirectory({ from, to, account, signal }, true);
  // last, and alone: it must not be older than anything else that was copied
  await copyOne(join(from, 'global', 'pg_control'), join(to, 'global', 'pg_control'), account);
  const { rows } = await source.query<{ labelfile: string; spcmapfile: string | null }>(
    'select labelfile, spcmapfile from pg_backup_stop(wait_for_archive => false)',
  );
  const [label] = rows;
  if (label === undefined) throw new Error('pg_backup_stop() returned no row');
  if (label.spcmapfile?.trim()) {
    throw new Error(
      `tablespaces outside the data directory are not supported here (${label.spcmapfile.trim()}): drop them, then the replica is created`,
    );
  }
  await writeOwned(join(to, 'backup_label'), label.labelfile, account);
  await writeOwned(join(to, 'standby.signal'), '', account);
}

interface CopyDirectoryOptions {
  from: string;
  to: string;
  account: Account | null;
  signal: AbortSignal;
}

async function copyDirectory({ from, to, account, signal }: CopyDirectoryOptions, isTop: boolean): Promise<void> {
  await makeEmpty(to, account);
  const entries = await readdir(from, { withFileTypes: true });
  const wanted = entries.filter((entry) => isWanted(entry, isTop));
  for (const { name } of wanted.filter((entry) => entry.isDirectory())) {
    if (isTop && EMPTY_DIRECTORIES.has(name)) await makeEmpty(join(to, name), account);
    else await copyDirectory({ from: join(from, name), to: join(to, name), account, signal }, false);
  }
  if (isTop) await makeEmpty(join(to, 'pg_wal', 'archive_status'), account);
  const files = wanted.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const copyNext = async (): Promise<void> => {
    for (let name = files.pop(); name !== undefined; name = files.pop()) {
      signal.throwIfAborted();
      await copyOne(join(from, name), join(to, name), account);
    }
  };
  await Promise.all(Array.from({ length: COPIES_AT_ONCE }, copyNext));
}

function isWanted({ name }: Dirent, isTop: boolean): boolean {
  if (name === 'pg_control' || name === 'pg_internal.init' || name.startsWith('pgsql_tmp')) return false;
  return !(isTop && LEFT_OUT.has(name));
}

async function makeEmpty(path: string, account: Account | null): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (account !== null) await chown(path, account.uid, account.gid);
}

async function copyOne(from: string, to: string, account: Account | null): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  } catch (error) {
    // a table dropped while we copy: the WAL that follows drops it in the copy too
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await chmod(to, 0o600);
  if (account !== null) await chown(to, account.uid, account.gid);
}

async function writeOwned(path: string, content: string, account: Account | null): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  if (account !== null) await chown(path, account.uid, account.gid);
}
