import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, realpathSync, renameSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Account, accountCan, chooseAccount } from '../../src/embedded/account.ts';
import { type Pair, startPair } from '../../src/embedded/index.ts';
import { removeDataRoot } from '../../src/embedded/place.ts';
import { identifyProcess, postgresProcesses } from '../../src/embedded/processes.ts';
import { query, scratchDirectory, waitUntil } from './sessions.ts';

const HOLDER = fileURLToPath(new URL('hold-pair.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;

describe('a pair and the processes around it', () => {
  let scratch: ReturnType<typeof scratchDirectory>;
  let dir: string;
  let holders: ChildProcess[];
  let pairs: Pair[];

  beforeEach(() => {
    scratch = scratchDirectory();
    dir = join(scratch.path, 'pair');
    holders = [];
    pairs = [];
  });
  afterEach(async () => {
    for (const holder of holders) holder.kill('SIGKILL');
    for (const pair of pairs) await pair.stop();
    await waitUntil('no server is left', 20_000, () => servers().length === 0);
    scratch.remove();
  });

  const servers = () => ['pg1', 'pg2'].flatMap((name) => postgresProcesses(join(dir, 'data', name)));
  const start = async (options: Partial<Parameters<typeof startPair>[0]> = {}) => {
    const pair = await startPair({ dir, ...options });
    pairs.push(pair);
    return pair;
  };

  /** Starts a pair in a process of its own; resolves when it is settled. */
  async function hold(guarded: number[] = [], account: Account | null = null): Promise<ChildProcess> {
    const holder = spawn(process.execPath, [HOLDER, dir, ...guarded.map(String)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
    });
    holders.push(holder);
    let said = '';
    for (const output of [holder.stdout, holder.stderr]) {
      output?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    }
    await waitUntil('the pair is settled', 60_000, () => {
      if (holder.exitCode !== null) throw new Error(`the holder ended with status ${holder.exitCode}: ${said}`);
      return said.includes('settled');
    });
    return holder;
  }

  it('leaves no server and no guarded process when its parent is killed, and keeps the data', async () => {
    const service = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const holder = await hold([service.pid ?? Number.NaN]);
    expect(servers().length).toBeGreaterThan(2);
    holder.kill('SIGKILL');
    await waitUntil('no server is left', 15_000, () => servers().length === 0);
    await waitUntil('the service has ended', 15_000, () => service.signalCode === 'SIGTERM');
    const lines: string[] = [];
    await start({ log: (line) => lines.push(line) });
    expect(lines).toEqual([]);
  });

  it('starts at once after its parent was killed, whatever is still being stopped', async () => {
    const holder = await hold();
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const pair = await start();
    expect(
      pair
        .members()
        .map(({ state }) => state)
        .sort(),
    ).toEqual(['running', 'streaming']);
    await pair.settled();
  });

  it('is refused while another process has the directory, and says which', async () => {
    const holder = await hold();
    await expect(startPair({ dir })).rejects.toMatchObject({
      code: 'directory-in-use',
      message: `another pgha (pid ${holder.pid}) is using ${dir}; stop it first, or choose another directory with --dir`,
    });
    expect(servers().length).toBeGreaterThan(2);
  });

  it('is refused when a port is taken, says which, and leaves nothing behind', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    await expect(startPair({ dir, ports: { members: [port, 0] } })).rejects.toMatchObject({
      message: `port ${port} is already in use; choose another or stop the program that uses it`,
      port,
      purpose: 'pg1',
    });
    squatter.close();
    expect(existsSync(join(dir, 'lock'))).toBe(false);
    expect(servers()).toEqual([]);
  });

  it('begins anew when asked to, with other passwords', async () => {
    const first = await start();
    await query(first, first.primaryPort, first.logins.owner, 'create table old (id int)');
    await first.stop();
    const second = await start({ fresh: true });
    expect(second.logins.owner.password).not.toBe(first.logins.owner.password);
    const tables = `select count(*)::int as count from pg_tables where schemaname = 'public'`;
    expect(await query(second, second.primaryPort, second.logins.owner, tables)).toEqual([{ count: 0 }]);
  });

  it('does not guess who is primary, or the passwords, when their file is gone', async () => {
    await (await start()).stop();
    for (const file of ['state.json', 'logins.json']) {
      renameSync(join(dir, file), join(dir, 'aside'));
      await expect(startPair({ dir })).rejects.toMatchObject({
        code: 'state-missing',
        message: expect.stringMatching(
          /is missing; restore that file, or delete the data and start from scratch with --fresh$/,
        ),
      });
      renameSync(join(dir, 'aside'), join(dir, file));
    }
  });

  it('begins again after a first start that was cut short', async () => {
    const abort = new AbortController();
    const cut = startPair({
      dir,
      signal: abort.signal,
      log: (line) => {
        if (line.startsWith('building replica')) abort.abort();
      },
    });
    await expect(cut).rejects.toThrow();
    expect(servers()).toEqual([]);
    await (await start()).settled();
  });

  it.runIf(isRoot)('works as root in a directory that is closed to other users', async () => {
    chmodSync(scratch.path, 0o700);
    const pair = await start();
    await pair.settled();
    const link = join(dir, 'data');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const home = join(realpathSync(link), '..');
    await pair.stop();
    removeDataRoot(dir);
    expect(existsSync(home)).toBe(false);
  });

  it.runIf(isRoot)('runs PostgreSQL as another user when it is root itself', async () => {
    await start();
    const { uid } = chooseAccount(dir) ?? { uid: 0 };
    expect(uid).not.toBe(0);
    for (const pid of servers()) expect(statSync(`/proc/${pid}`).uid).toBe(uid);
    expect(identifyProcess(servers()[0] ?? 0)).not.toBeNull();
  });

  const ordinary = isRoot ? chooseAccount('/nonexistent') : null;
  const canRead = ordinary !== null && [HOLDER, process.execPath].every((path) => accountCan(ordinary, '-r', path));
  it.runIf(canRead)('works as an ordinary user, and refuses a directory of somebody else', async () => {
    mkdirSync(dir);
    chownSync(dir, ordinary?.uid ?? 0, ordinary?.gid ?? 0);
    const holder = await hold([], ordinary);
    holder.kill('SIGKILL');
    await waitUntil('no server is left', 15_000, () => servers().length === 0);
    chownSync(dir, 0, 0);
    await expect(hold([], ordinary)).rejects.toThrow(/cannot use .* \(EACCES\): run as the user that owns it/);
  });
});
