import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { lockDirectory, lockOwner, refuseDirectoryInUse } from './lock.ts';
import { identifyProcess } from './processes.ts';

describe('directory lock', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgha-lock-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const leave = (content: unknown) => writeFileSync(join(dir, 'lock'), JSON.stringify(content));

  it('is held by one and given back', () => {
    const unlock = lockDirectory(dir);
    expect(lockOwner(dir)?.pid).toBe(process.pid);
    expect(() => lockDirectory(dir)).toThrow(`another pgha (pid ${process.pid}) is using ${dir}`);
    unlock();
    expect(existsSync(join(dir, 'lock'))).toBe(false);
    lockDirectory(dir)();
  });

  it('is refused while another process lives, and names it', () => {
    leave(identifyProcess(process.ppid));
    expect(() => lockDirectory(dir)).toThrow(`pid ${process.ppid}`);
    expect(() => refuseDirectoryInUse(dir)).toThrow(`pid ${process.ppid}`);
  });

  it.each([
    ['whose number another process has by now', { pid: process.ppid, startedAt: 'long ago' }],
    ['that has ended', { pid: 2 ** 22 + 1, startedAt: '1' }],
    ['that a power cut left unreadable', 'half a l'],
  ])('is taken over from a process %s', (_, owner) => {
    leave(owner);
    const unlock = lockDirectory(dir);
    expect(lockOwner(dir)?.pid).toBe(process.pid);
    unlock();
  });
});
