import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createPool, type DbPool, type DbSettings, defaultPoolLimits, migrate, silentObserver } from '@pgha/db';
import { type Pair, type PairOptions, startPair } from '@pgha/db/embedded';

/** A pair with the schema, and both services in front of it, each a process of its own. */
export interface Stack {
  pair: Pair;
  writeUrl: string;
  readUrl: string;
  /** Read-only superuser connections to one member, past forwarders and services. Closed with the stack. */
  direct(port: number): DbPool;
  stop(): Promise<void>;
}

export interface StackOptions {
  pair?: Pick<PairOptions, 'automaticFailover'>;
  /** Settings of the write service. */
  environment?: Record<string, string>;
}

/** Node starts in half a second; a busy machine takes many times that. */
const readyDeadlineMs = 90_000;
/** A service ends 30 s after SIGTERM at the latest. */
const stopDeadlineMs = 40_000;

export async function startStack({ pair: pairOptions = {}, environment = {} }: StackOptions = {}): Promise<Stack> {
  const dir = mkdtempSync(join(tmpdir(), 'pgha-failover-'));
  const pools = new Map<number, DbPool>();
  const children: ChildProcess[] = [];
  const pair = await startPair({ dir, ...pairOptions }).catch((error: unknown) => {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  });
  const connection = { host: pair.host, database: pair.database, tls: { mode: 'disable' } } as const;

  async function stop(): Promise<void> {
    await Promise.all(children.map(stopChild));
    await Promise.all([...pools.values()].map((pool) => pool.close()));
    await pair.stop();
    rmSync(dir, { recursive: true, force: true });
  }

  async function startService(app: string, settings: Record<string, string>): Promise<string> {
    const port = await freePort();
    const logFile = join(dir, `${app}.log`);
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, ['src/main.ts'], {
      cwd: fileURLToPath(new URL(`../../../${app}`, import.meta.url)),
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        LOG_LEVEL: 'warn',
        DB_HOST: pair.host,
        DB_NAME: pair.database,
        DB_SSLMODE: 'disable',
        ...settings,
      },
    });
    closeSync(log);
    children.push(child);
    if (child.pid !== undefined) pair.guardProcess(child.pid);
    const url = `http://127.0.0.1:${port}`;
    const deadline = Date.now() + readyDeadlineMs;
    while (
      !(await fetch(`${url}/ready`).then(
        (answer) => answer.ok,
        () => false,
      ))
    ) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(
          `${app} was not ready within ${readyDeadlineMs} ms: ${readFileSync(logFile, 'utf8').slice(-2_000)}`,
        );
      }
      await delay(50);
    }
    return url;
  }

  try {
    await migrate({ ...connection, ...pair.logins.owner, port: pair.primaryPort });
    const login = ({ user, password }: { user: string; password: string }) => ({
      DB_USER: user,
      DB_PASSWORD: password,
    });
    const [writeUrl, readUrl] = await Promise.all([
      startService('api', { DB_PORT: String(pair.primaryPort), ...login(pair.logins.app), ...environment }),
      startService('read-api', { DB_PORT: String(pair.replicaPort), ...login(pair.logins.readonly) }),
    ]);
    return {
      pair,
      writeUrl,
      readUrl,
      direct(port) {
        const known = pools.get(port);
        if (known) return known;
        const settings: DbSettings = { ...connection, ...pair.logins.superuser, port };
        const pool = createPool(
          'direct',
          settings,
          { ...defaultPoolLimits, maxSize: 2 },
          'any-read-only',
          silentObserver,
        );
        pools.set(port, pool);
        return pool;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
  await ended;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free TCP port');
  return address.port;
}
