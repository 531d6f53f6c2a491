import { copyFileSync, existsSync, mkdirSync, renameSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** Log files that cannot fill a disk: each start begins a new one and keeps the last, and so does one that has grown too large. */
export interface LogFiles {
  path(name: string): string;
  close(): void;
}

const LARGEST_BYTES = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 30_000;

export function startLogFile(directory: string, names: readonly string[]): LogFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = (name: string) => join(directory, `${name}.log`);
  const previous = (name: string) => join(directory, `${name}.previous.log`);
  for (const name of names) if (existsSync(path(name))) renameSync(path(name), previous(name));
  const timer = setInterval(() => {
    for (const name of names) {
      if ((statSync(path(name), { throwIfNoEntry: false })?.size ?? 0) <= LARGEST_BYTES) continue;
      // copied and emptied, because its writer keeps it open; it appends, so it goes on at the start
      copyFileSync(path(name), previous(name));
      truncateSync(path(name));
    }
  }, LOOK_EVERY_MS);
  timer.unref();
  return { path, close: () => clearInterval(timer) };
}
