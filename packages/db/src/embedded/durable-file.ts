import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Account } from './account.ts';

/** Replaces a file so that a power cut leaves the old content or the new one, and never part of one. */
export function writeDurably(path: string, content: string, mode: number, owner: Account | null = null): void {
  const unfinished = `${path}.tmp`;
  const file = openSync(unfinished, 'w', mode);
  try {
    fchmodSync(file, mode);
    if (owner !== null) fchownSync(file, owner.uid, owner.gid);
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
