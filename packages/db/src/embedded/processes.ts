import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** A process a restart of the machine or a reused number cannot be mistaken for. */
export interface ProcessIdentity {
  pid: number;
  startedAt: string;
}

/** @returns null when no such process runs; a zombie has ended, it only waits for its parent to notice. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const startedAt = process.platform === 'linux' ? startOnLinux(pid) : startFromPs(pid);
  return startedAt === null ? null : { pid, startedAt };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

/**
 * Every PostgreSQL process of one data directory, the postmaster and those that outlived it: PostgreSQL's processes
 * have the data directory as their working directory. Elsewhere than on Linux the postmaster and its children only.
 */
export function postgresProcesses(dataDir: string): number[] {
  const postmaster = readPostmasterPid(dataDir);
  if (process.platform === 'linux') return processesIn(realOrSame(dataDir));
  if (postmaster === null) return [];
  const { stdout } = spawnSync('ps', ['-axo', 'pid=,ppid=,command='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .filter(
      ([, pid, parent, command]) =>
        Number(parent) === postmaster || (Number(pid) === postmaster && command?.includes(dataDir) === true),
    )
    .map(([, pid]) => Number(pid));
}

/** The postmaster that runs on this data directory now, not one a leftover file names. */
export function runningPostmaster(dataDir: string): number | null {
  const pid = readPostmasterPid(dataDir);
  return pid !== null && postgresProcesses(dataDir).includes(pid) ? pid : null;
}

/** Sends a signal; a process that has just ended is what the sender wanted anyway. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readPostmasterPid(dataDir: string): number | null {
  try {
    return Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]) || null;
  } catch {
    return null;
  }
}

function processesIn(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          readlinkSync(`/proc/${pid}/cwd`) === directory && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'postgres\n'
        );
      } catch {
        return false; // ended meanwhile, or not ours to look at
      }
    })
    .map(Number);
}

function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function startOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the second field is a name in brackets that may itself hold brackets and blanks; proc(5)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function startFromPs(pid: number): string | null {
  const { stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const [state, ...started] = stdout.trim().split(/\s+/);
  return state === undefined || state === '' || state.startsWith('Z') ? null : started.join(' ');
}
