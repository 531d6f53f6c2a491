import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Account } from './account.ts';
import { EmbeddedFailure } from './failure.ts';
import { postgresProcesses, runningPostmaster, signal } from './processes.ts';

/** One PostgreSQL server on one data directory, as a child of this process. */
export interface Server {
  phase(): 'stopped' | 'starting' | 'running' | 'stopping';
  /** Resolves once it accepts connections; rejects, with what its log says, when it ends before. */
  start(): Promise<void>;
  /** Makes every process read postgresql.conf again. */
  reload(): void;
  /** 'fast' disconnects clients and writes a checkpoint; 'immediate' leaves crash recovery to the next start. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Ends the postmaster and every backend at once, as a power cut of the machine would. */
  kill(): void;
  /** Ends backends that outlived their postmaster: nobody may still write, or acknowledge, from these files. */
  fence(): void;
}

interface ServerOptions {
  name: string;
  dataDir: string;
  postgres: string;
  account: Account | null;
  logFile: string;
  /** Called at once when the postmaster has ended, asked for or not. */
  onExit(asked: boolean): void;
}

/** PostgreSQL writes its state into postmaster.pid; a look costs microseconds, and a start takes some 100 ms. */
const READY_POLL_MS = 10;
/** A clean stop waits for the checkpoint; a disk that needs longer gets 'immediate', which loses nothing. */
const FAST_STOP_MS = 20_000;
const IMMEDIATE_STOP_MS = 5_000;
/** SIGINT and SIGQUIT as server stop modes: PostgreSQL 17, "Shutting Down the Server". */
const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

export function createServer({ name, dataDir, postgres, account, logFile, onExit }: ServerOptions): Server {
  let child: ChildProcess | null = null;
  let ready = false;
  let stopping = false;

  return {
    phase() {
      if (child === null) return 'stopped';
      if (stopping) return 'stopping';
      return ready ? 'running' : 'starting';
    },

    async start() {
      if (child !== null) return;
      const log = openSync(logFile, 'a');
      const started = spawn(postgres, ['-D', dataDir], {
        // in a session of its own: Ctrl-C in the terminal is for us, and we stop the servers last
        detached: true,
        stdio: ['ignore', log, log],
        cwd: '/',
        env: { LANG: 'C', LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
      });
      closeSync(log);
      child = started;
      ready = false;
      stopping = false;
      const ended = new Promise<string>((resolve) => {
        const end = (why: string) => {
          if (child !== started) return;
          child = null;
          resolve(why);
          onExit(stopping);
        };
        started.once('error', (error) => end(error.message));
        started.once('exit', (code, cause) => end(`exited with ${cause ?? `status ${code}`}`));
      });
      while (child === started && !acceptsConnections(dataDir, started.pid)) {
        await Promise.race([delay(READY_POLL_MS), ended]);
      }
      if (child !== started) {
        const why = await ended;
        throw new EmbeddedFailure('server-failed', `${name} did not start (${why}): ${lastComplaint(logFile)}`);
      }
      ready = true;
    },

    reload() {
      if (child?.pid !== undefined) signal(child.pid, 'SIGHUP');
    },

    async stop(mode) {
      const running = child;
      if (running?.pid === undefined) return;
      stopping = true;
      const exit = once(running, 'exit');
      if (running.exitCode !== null || running.signalCode !== null) return;
      signal(running.pid, STOP_SIGNALS[mode]);
      if (mode === 'fast' && (await within(exit, FAST_STOP_MS))) return;
      signal(running.pid, STOP_SIGNALS.immediate);
      if (await within(exit, IMMEDIATE_STOP_MS)) return;
      killAll(dataDir, running.pid);
      await exit;
    },

    kill() {
      if (child?.pid !== undefined) killAll(dataDir, child.pid);
    },

    fence() {
      for (const pid of postgresProcesses(dataDir)) signal(pid, 'SIGKILL');
    },
  };
}

/** Ends servers that an earlier run left behind on this data directory. */
export async function stopLeftoverServer(dataDir: string): Promise<boolean> {
  const leftover = postgresProcesses(dataDir);
  if (leftover.length === 0) return false;
  const postmaster = runningPostmaster(dataDir);
  const ended = async (deadlineMs: number) => {
    const deadline = Date.now() + deadlineMs;
    while (postgresProcesses(dataDir).length > 0) {
      if (Date.now() > deadline) return false;
      await delay(20);
    }
    return true;
  };
  if (postmaster !== null) {
    signal(postmaster, STOP_SIGNALS.fast);
    if (await ended(FAST_STOP_MS)) return true;
  }
  for (const pid of postgresProcesses(dataDir)) signal(pid, 'SIGKILL');
  await ended(IMMEDIATE_STOP_MS);
  return true;
}

/** Stops the postmaster first, so that it cannot start or mourn anybody while its backends are ended one by one. */
function killAll(dataDir: string, postmaster: number): void {
  signal(postmaster, 'SIGSTOP');
  const all = postgresProcesses(dataDir);
  for (const pid of [postmaster, ...all]) signal(pid, 'SIGKILL');
}

/** Line 8 of postmaster.pid; the file may still be an earlier server's, so line 1 must be ours. */
function acceptsConnections(dataDir: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}

async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([promise.then(() => true), delay(ms, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

function lastComplaint(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-20);
  const complaint = lines.findLast((line) => /\b(FATAL|PANIC|ERROR|error)\b/.test(line)) ?? lines.at(-1) ?? '';
  return `${complaint.replace(/^.*?(FATAL|PANIC|ERROR)/, '$1').trim()} (see ${logFile})`;
}
