import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { migrate } from '../migrate.ts';
import { keysAreConfigured, serviceEnvironment } from './config.ts';
import { EmbeddedFailure, PortTaken } from './failure.ts';
import { refuseDirectoryInUse } from './lock.ts';
import { startLogFile } from './log-file.ts';
import { HELP, parseOptions, type StartOptions, UsageError } from './options.ts';
import { type Pair, startPair } from './pair.ts';
import { findFreePort, requirePort } from './ports.ts';
import { type Service, startService } from './service.ts';
import { renderSummary } from './summary.ts';

const CHECKOUT = resolve(import.meta.dirname, '../../../..');
/** Which option chooses the port that was found taken. */
const PORT_OPTIONS: Record<string, string> = {
  api: '--api-port',
  'read-api': '--read-api-port',
  primary: '--primary-port',
  replica: '--replica-port',
  pg1: '--member-ports',
  pg2: '--member-ports',
  status: '--status-port',
};
/** Services that an earlier run left behind are ended within five seconds of its death. */
const LEFTOVER_MS = 8_000;
/** npm, npx and pnpm each pass Ctrl-C on as well: the same key press arrives several times within this. */
const ONE_KEY_PRESS_MS = 1_000;

const EXIT = { failed: 1, usage: 2, refused: 3 };

const beganMs = performance.now();
const started: { pair: Pair | null; services: Service[] } = { pair: null, services: [] };
let starting: Promise<void> = Promise.resolve();
const cancel = new AbortController();
let isUp = false;
let stoppingSinceMs: number | null = null;

process.stdout.on('error', () => {}); // a closed pipe on the other end does not end the database
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => void onSignal());
process.on('disconnect', () => void onSignal());
process.channel?.unref();

try {
  const options = parseOptions(process.argv.slice(2), CHECKOUT);
  if (options === null) process.stdout.write(HELP);
  else {
    starting = start(options);
    await starting;
  }
} catch (error) {
  if (stoppingSinceMs === null) await fail(error);
}

async function start(options: StartOptions): Promise<void> {
  const dir = resolve(options.dir);
  refuseDirectoryInUse(dir);
  const deadline = performance.now() + (existsSync(join(dir, 'lock')) ? LEFTOVER_MS : 0);
  const taken = new Set<number>();
  const apiPort = await claimPort(options.apiPort, 'api', deadline, taken);
  const readApiPort = await claimPort(options.readApiPort, 'read-api', deadline, taken);

  say(
    options.fresh
      ? 'starting PostgreSQL 17 with empty data: a primary and a replica'
      : 'starting PostgreSQL 17: a primary and a replica',
  );
  const pair = await startPair({
    dir,
    fresh: options.fresh,
    ports: {
      primary: options.primaryPort,
      replica: options.replicaPort,
      members: options.memberPorts,
      status: options.statusPort,
    },
    log: say,
    signal: cancel.signal,
  });
  started.pair = pair;
  if (cancel.signal.aborted) return;

  const { applied } = await migrate({
    host: pair.host,
    port: pair.primaryPort,
    database: pair.database,
    ...pair.logins.owner,
  });
  say(applied.length === 0 ? 'the schema is up to date' : `migrated the schema: ${applied.join(', ')}`);
  if (cancel.signal.aborted) return;

  say('starting the write API and the read API');
  const logs = startLogFile(join(dir, 'logs'), ['api', 'read-api']);
  const service = (
    name: string,
    folder: string,
    port: number,
    database: { port: number; login: Pair['logins']['app'] },
  ) =>
    startService({
      name,
      main: join(CHECKOUT, 'apps', folder, 'src/main.ts'),
      url: `http://127.0.0.1:${port}`,
      environment: serviceEnvironment({
        port,
        database: { ...database, name: pair.database },
        statusUrl: pair.statusUrl,
      }),
      logFile: logs.path(folder),
      log: say,
      onStart: (pid) => pair.guardProcess(pid),
    });
  started.services = [
    service('write API', 'api', apiPort, { port: pair.primaryPort, login: pair.logins.app }),
    service('read API', 'read-api', readApiPort, { port: pair.replicaPort, login: pair.logins.readonly }),
  ];
  await Promise.all(started.services.map((each) => each.ready()));
  if (cancel.signal.aborted) return;

  const here = (path: string) => {
    const short = relative(process.cwd(), path);
    return short.startsWith('..') ? path : short || '.';
  };
  process.stdout.write(
    renderSummary({
      writeUrl: `http://127.0.0.1:${apiPort}`,
      readUrl: `http://127.0.0.1:${readApiPort}`,
      statusUrl: pair.statusUrl,
      primaryPort: pair.primaryPort,
      replicaPort: pair.replicaPort,
      database: pair.database,
      owner: pair.logins.owner.user,
      readonly: pair.logins.readonly.user,
      passwordFile: here(join(dir, 'pgpass')),
      dir: here(dir),
      primaryPidFile: here(join(dir, 'data', pair.primary(), 'postmaster.pid')),
      needsKey: keysAreConfigured(),
      elapsedMs: performance.now() - beganMs,
    }),
  );
  isUp = true;
}

/** Waits out a service that a crashed run has left on its port. */
async function claimPort(port: number, purpose: string, deadline: number, taken: Set<number>): Promise<number> {
  if (port === 0) return findFreePort(taken);
  for (;;) {
    try {
      taken.add(port);
      return await requirePort(port, purpose);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}

async function onSignal(): Promise<void> {
  const nowMs = performance.now();
  if (stoppingSinceMs !== null) {
    if (nowMs - stoppingSinceMs < ONE_KEY_PRESS_MS) return;
    say('stopping without waiting for requests in progress');
    for (const service of started.services) service.kill();
    return;
  }
  stoppingSinceMs = nowMs;
  say('stopping: requests first, then the replica, then the primary (Ctrl-C again: do not wait for requests)');
  cancel.abort();
  await Promise.all([starting.catch(() => {}), ...started.services.map((service) => service.stop())]);
  await stopAll();
  say('stopped');
  process.exit(0);
}

async function stopAll(): Promise<void> {
  await Promise.all(started.services.map((service) => service.stop()));
  await started.pair?.stop();
}

async function fail(error: unknown): Promise<void> {
  const isKnown = error instanceof EmbeddedFailure || error instanceof PortTaken || error instanceof UsageError;
  const text =
    error instanceof PortTaken
      ? `port ${error.port} is already in use; choose another with ${PORT_OPTIONS[error.purpose]} or stop the program that uses it`
      : isKnown
        ? error.message
        : ((error as Error).stack ?? String(error));
  process.stderr.write(`pgha: ${text}\n`);
  await stopAll();
  const isRefused =
    error instanceof PortTaken || (error instanceof EmbeddedFailure && error.code === 'directory-in-use');
  process.exit(error instanceof UsageError ? EXIT.usage : isRefused ? EXIT.refused : EXIT.failed);
}

/** While starting, how long it has taken; afterwards, when it happened. */
function say(line: string): void {
  const when = isUp
    ? new Date().toTimeString().slice(0, 8)
    : `${((performance.now() - beganMs) / 1000).toFixed(1).padStart(5)} s`;
  process.stdout.write(`${when}  ${line}\n`);
}
