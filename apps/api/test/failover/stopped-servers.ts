import { readFileSync } from 'node:fs';
import type { Stack } from './services.ts';

/** Stops every process of both servers as they are (SIGSTOP), runs `work`, and lets them go on. */
export async function withServersStopped<T>(stack: Stack, work: () => Promise<T>): Promise<T> {
  const processes = (await Promise.all(stack.pair.members().map(({ port }) => processesOf(stack, port)))).flat();
  try {
    for (const pid of processes) signal(pid, 'SIGSTOP');
    return await work();
  } finally {
    for (const pid of processes) signal(pid, 'SIGCONT');
  }
}

/** A backend may have ended since it was listed. */
function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The postmaster first, so that it starts nobody meanwhile. */
async function processesOf(stack: Stack, port: number): Promise<number[]> {
  const [row] = await stack
    .direct(port)
    .use((session) => session.query<{ pid: string }>({ name: '', text: 'select pg_backend_pid()::text as pid' }));
  const postmaster = Number(/^PPid:\s*([0-9]+)$/m.exec(readFileSync(`/proc/${row?.pid}/status`, 'utf8'))?.[1]);
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ');
  return [postmaster, ...children.map(Number)];
}
