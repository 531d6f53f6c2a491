import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';

/** In the environment of a command and of everything it starts, so that these are found when it has to end. */
export const commandMark = 'PGHA_COMMAND';

interface Process {
  pid: number;
  parent: number;
  /** It carries the mark that was looked for. */
  isMarked: boolean;
}

/** How long what is asked to end may take for it, before it is ended. */
const graceMs = 2_000;

/**
 * Ends a command with everything it started, in whatever session or process group: a timeout that ends only the command itself
 * leaves its children at work, and whoever reads its output waits for the last of them.
 *
 * @param root the command's process.
 * @param mark the value of its `commandMark`: by it those are found whose parents have ended.
 */
export async function endProcessTree(root: number, mark: string): Promise<void> {
  const asked = new Set<number>();
  const giveUpAt = Date.now() + 2 * graceMs;
  const hardAt = Date.now() + graceMs;
  for (;;) {
    const found = await findTree(root, mark, asked);
    if (found.length === 0 || Date.now() > giveUpAt) return;
    for (const pid of found) {
      const isHard = Date.now() >= hardAt;
      if (!isHard && asked.has(pid)) continue;
      asked.add(pid);
      signalProcess(pid, isHard ? 'SIGKILL' : 'SIGTERM');
    }
    await delay(50);
  }
}

/** Those that run now: the command, its descendants, those of what was asked to end, and whoever has the mark. */
async function findTree(root: number, mark: string, asked: ReadonlySet<number>): Promise<readonly number[]> {
  const all = await listProcesses(mark);
  const children = Map.groupBy(all, ({ parent }) => parent);
  const found = new Set<number>();
  const add = (pid: number) => {
    if (found.has(pid)) return;
    found.add(pid);
    for (const child of children.get(pid) ?? []) add(child.pid);
  };
  const running = new Map(all.map((process) => [process.pid, process]));
  for (const pid of [root, ...asked]) if (running.has(pid)) add(pid);
  for (const { pid, isMarked } of all) if (isMarked) add(pid);
  return [...found];
}

async function listProcesses(mark: string): Promise<readonly Process[]> {
  if (process.platform !== 'linux') return listByPs();
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name), mark) ?? []);
}

/** null: it has ended, or is a zombie, which nothing can end. */
function readProcess(pid: number, mark: string): Process | null {
  try {
    // the name stands in parentheses and may contain anything (proc_pid_stat(5))
    const [, state, parent] = /\) (\S) (\d+) [^)]*$/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    if (state === undefined || state === 'Z' || state === 'X') return null;
    return { pid, parent: Number(parent), isMarked: readEnvironment(pid).includes(`${commandMark}=${mark}`) };
  } catch {
    return null;
  }
}

/** Another user's cannot be read; then the process is found by its parents only. */
function readEnvironment(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

/** Where there is no /proc: environments are not told there, parents are. */
async function listByPs(): Promise<readonly Process[]> {
  const { stdout } = await execa('ps', ['-A', '-o', 'pid=,ppid=,stat='], { reject: false, timeout: 5_000 });
  return `${stdout ?? ''}`.split('\n').flatMap((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/);
    return pid === undefined || pid === '' || state?.startsWith('Z') === true
      ? []
      : [{ pid: Number(pid), parent: Number(parent), isMarked: false }];
  });
}

function signalProcess(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended meanwhile, or is another user's
  }
}
