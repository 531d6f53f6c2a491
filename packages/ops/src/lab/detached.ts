import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { machineEnvironment } from '../hosts/nspawn.ts';

export interface DetachedOptions {
  /** The files that take a process id: the control groups the process joins. */
  processFiles: readonly string[];
  /** Takes both of its outputs, after what is there. */
  log: string;
  env?: Readonly<Record<string, string>>;
}

/** Starts a program that outlives this one. It joins its groups before it is that program, so nothing of it is ever outside them. */
export async function startDetached(argv: readonly string[], options: DetachedOptions): Promise<ChildProcess> {
  const script = 'while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"';
  const log = await open(options.log, 'a');
  try {
    const child = spawn('sh', ['-c', script, 'sh', ...options.processFiles, '--', ...argv], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      cwd: '/',
      env: { PATH: machineEnvironment.PATH, ...options.env },
    });
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}
