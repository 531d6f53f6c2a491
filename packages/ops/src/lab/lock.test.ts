import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RefusedError } from '../exit-codes.ts';
import { withLabLock } from './lock.ts';
import { lockFile, type Places } from './places.ts';

describe.runIf(process.platform === 'linux')('the lock of a lab', () => {
  let places: Places;
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pgha-lock-'));
    places = { root: join(folder, 'lab'), cache: folder };
  });
  afterEach(() => rm(places.cache, { recursive: true }));

  it('refuses a second command and says who holds it', async () => {
    await withLabLock(places, 'up', async () => {
      const second = withLabLock(places, 'down', async () => undefined);
      await expect(second).rejects.toThrow(new RegExp(`"pgha lab up" is in progress \\(pid ${process.pid}\\)`));
      await expect(second).rejects.toBeInstanceOf(RefusedError);
    });
  });

  it('is one for all folders of a computer, and names the folder of the other', async () => {
    const elsewhere = { root: '/srv/second/lab', cache: join(places.cache, 'second') };
    await withLabLock(places, 'up', async () => {
      const second = withLabLock(elsewhere, 'up', async () => undefined);
      await expect(second).rejects.toThrow(`"pgha lab up" of ${places.root} is in progress (pid ${process.pid})`);
      await expect(second).rejects.toBeInstanceOf(RefusedError);
    });
    expect(await withLabLock(elsewhere, 'up', async () => 'then')).toBe('then');
  });

  it('is free again after the work, also when that failed', async () => {
    await expect(withLabLock(places, 'up', () => Promise.reject(new Error('no space')))).rejects.toThrow('no space');
    expect(await withLabLock(places, 'up', async () => 'again')).toBe('again');
  });

  it('is taken over from a process that died, also when another one has its id by now', async () => {
    await writeFile(lockFile(places), JSON.stringify({ pid: process.pid, started: '1', doing: 'up' }));
    const holder = () => readFile(lockFile(places), 'utf8');
    expect(JSON.parse(await withLabLock(places, 'down', holder))).toMatchObject({ pid: process.pid, doing: 'down' });
  });

  it('is taken over when it was cut off while it was written', async () => {
    await writeFile(lockFile(places), '{"pid": 12');
    expect(await withLabLock(places, 'up', async () => 'done')).toBe('done');
  });
});
