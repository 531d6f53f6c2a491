import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RefusedError } from '../exit-codes.ts';
import { withComputerLock } from './computer-lock.ts';
import { lockFile, type Places } from './places.ts';

/**
 * Does something that no other `pgha lab` may do at the same time.
 *
 * @throws RefusedError while another one is at it. A lock whose process has died is taken over.
 */
export async function withLabLock<T>(places: Places, doing: string, work: () => Promise<T>): Promise<T> {
  const file = lockFile(places);
  await mkdir(dirname(file), { recursive: true });
  await take(file, doing);
  try {
    return await withComputerLock(places.root, doing, work);
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string, doing: string): Promise<void> {
  for (;;) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(JSON.stringify({ pid: process.pid, started: await startTime(process.pid), doing }));
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readHolder(file);
    if (holder !== null && (await startTime(holder.pid)) === holder.started) {
      throw new RefusedError(
        `"pgha lab ${holder.doing}" is in progress (pid ${holder.pid}). Wait until it finishes, or stop it`,
      );
    }
    await rm(file, { force: true });
  }
}

interface Holder {
  pid: number;
  started: string | null;
  doing: string;
}

async function readHolder(file: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    // gone again, or cut off while it was written: nobody holds it
    return null;
  }
}

/** Tells a process from a later one with the same id; null when there is none. */
async function startTime(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // the name, in parentheses, may hold anything; the 22nd field is the 20th behind it
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
