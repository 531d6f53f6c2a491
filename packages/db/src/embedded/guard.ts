import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process of its own that ends what we started if we end without doing so ourselves, even by SIGKILL. */
export interface Guard {
  /** Ends this process too; one that has ended by then is left alone. */
  watch(pid: number): void;
  /** Ends the guard and nothing else: to be called when everything has stopped. */
  close(): void;
}

/**
 * @param dir the directory we have locked
 * @param dataDirs whose PostgreSQL servers end with us
 */
export function startGuard(dir: string, dataDirs: string[]): Guard {
  // it holds the other end of a pipe: the kernel closes ours however we end
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('guard-process.ts', import.meta.url)), dir, ...dataDirs],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    },
  );
  child.unref();
  child.stdin.on('error', () => {}); // the guard itself was ended: the servers still stop with us when we stop
  return {
    watch: (pid) => child.stdin.write(`${pid}\n`),
    // not by the pipe's end, which is the alarm: it would stop the servers of our own next start
    close: () => {
      child.kill('SIGKILL');
      child.stdin.destroy();
    },
  };
}
