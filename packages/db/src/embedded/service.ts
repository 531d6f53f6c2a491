import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { EmbeddedFailure } from './failure.ts';
import { signal } from './processes.ts';

export interface ServiceOptions {
  name: string;
  /** The module Node runs. */
  main: string;
  url: string;
  environment: NodeJS.ProcessEnv;
  logFile: string;
  log(line: string): void;
  /** Told of every process that is started, so that it ends with us whatever happens. */
  onStart(pid: number): void;
}

/** One HTTP service as a child of this process; started again when it ends by itself. */
export interface Service {
  /** Resolves when `GET /ready` answers 200; rejects, with what its log says, when it ends or takes too long before. */
  ready(): Promise<void>;
  /** Lets it finish its requests. */
  stop(): Promise<void>;
  /** Does not. */
  kill(): void;
}

/** Node starts in half a second and the pool opens at once; a machine under load takes many times that. */
const READY_MS = 60_000;
const READY_POLL_MS = 50;
/** A service promises to be done 30 s after SIGTERM, and to give up 5 s later. */
const DRAIN_MS = 37_000;
/** Pause before the n-th restart in a row: 0.25, 0.5, 1, … at most 10 s. */
const restartPauseMs = (restarts: number) => Math.min(10_000, 250 * 2 ** restarts);
/** One that has run this long was well: its next failure is a first one. */
const WELL_MS = 60_000;

export function startService({ name, main, url, environment, logFile, log, onStart }: ServiceOptions): Service {
  let child: ChildProcess | null = null;
  let wasReady = false;
  let stopping = false;
  let restarts = 0;

  function start(): void {
    const output = openSync(logFile, 'a', 0o600);
    const started = spawn(process.execPath, [main], {
      // in a session of its own: Ctrl-C is for us, and we tell it when to stop
      detached: true,
      stdio: ['ignore', output, output],
      env: environment,
    });
    closeSync(output);
    const startedAtMs = performance.now();
    child = started;
    if (started.pid !== undefined) onStart(started.pid);
    started.once('error', (error) => ended(error.message));
    started.once('exit', (code, cause) => ended(cause ?? `status ${code}`));

    function ended(why: string): void {
      if (child !== started) return;
      child = null;
      if (stopping || !wasReady) return;
      if (performance.now() - startedAtMs > WELL_MS) restarts = 0;
      const pauseMs = restartPauseMs(restarts);
      restarts += 1;
      log(`the ${name} exited (${why}): restarting it (${lastLine(logFile)})`);
      setTimeout(() => {
        if (!stopping) start();
      }, pauseMs);
    }
  }

  start();

  return {
    async ready() {
      const deadline = performance.now() + READY_MS;
      for (;;) {
        // asked first and looked at afterwards: an answer counts only while it can be its own
        const answers = await answersReady(url);
        if (answers && child !== null) break;
        if (stopping) throw new EmbeddedFailure('service-failed', `the ${name} was stopped before it was ready`);
        if (child === null || performance.now() > deadline) {
          const what = child === null ? 'exited while starting' : `was not ready within ${READY_MS / 1000} s`;
          throw new EmbeddedFailure('service-failed', `the ${name} ${what}: ${lastLine(logFile)} (see ${logFile})`);
        }
        await delay(READY_POLL_MS);
      }
      wasReady = true;
    },

    async stop() {
      stopping = true;
      const running = child;
      if (running?.pid === undefined) return;
      const exit = once(running, 'exit');
      signal(running.pid, 'SIGTERM');
      const timer = new AbortController();
      const late = delay(DRAIN_MS, 'late', { signal: timer.signal }).catch(() => {});
      if ((await Promise.race([exit, late])) === 'late') signal(running.pid, 'SIGKILL');
      await exit;
      timer.abort();
    },

    kill() {
      stopping = true;
      if (child?.pid !== undefined) signal(child.pid, 'SIGKILL');
    },
  };
}

async function answersReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet
  }
}

function lastLine(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  const telling = lines.findLast((line) => /error|"level":(50|60)/i.test(line)) ?? lines.at(-1) ?? '';
  return telling.length > 300 ? `${telling.slice(0, 300)}…` : telling || 'its log is empty';
}
