import { briefly, reasonIn } from './said.ts';

/** How a command on a machine ended. */
export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Given to the command's standard input; empty without it. Secrets go here, never into `argv`: anyone may list processes. */
  input?: string;
  /** The command and everything it started are killed after it, and the call throws. 60 s unless told otherwise. */
  timeoutMs?: number;
}

export interface WriteOptions {
  /** Octal, `'0644'`, which is also what it is without. */
  mode?: string;
  owner?: string;
  group?: string;
}

/** A machine as operations see it. The same calls work on EC2, in the lab and on a fake one. */
export interface Host {
  readonly name: string;
  /**
   * Runs a command as root, without a shell.
   *
   * @returns its end, whatever the exit code.
   * @throws HostUnreachableError when the machine is not there, and when time runs out.
   */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The file's text, or null when there is no such file. */
  readFile(path: string): Promise<string | null>;
  /** Replaces the file whole: a reader sees the old text or the new one, never half. Makes missing folders. */
  writeFile(path: string, content: string, options?: WriteOptions): Promise<void>;
}

/** The machine is unreachable: stopped, gone, or never there. */
export class HostUnreachableError extends Error {
  override name = 'HostUnreachableError';
}

/** A command was ended at its timeout, with everything it had started. */
export class CommandTimeoutError extends Error {
  override name = 'CommandTimeoutError';

  constructor(machine: string, argv: readonly string[], timeoutMs: number, options?: ErrorOptions) {
    super(
      `${machine}: "${briefly(argv)}" did not end within ${timeoutMs} ms; it was killed with all its child processes`,
      options,
    );
  }
}

export const defaultRunTimeoutMs = 60_000;

/**
 * Runs a command that has to succeed.
 *
 * @returns its standard output without the last newline.
 * @throws with the command, its exit code and the reason it gave.
 */
export async function runChecked(host: Host, argv: readonly string[], options?: RunOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await host.run(argv, options);
  if (exitCode !== 0) {
    throw new Error(`${host.name}: "${briefly(argv)}" failed (exit status ${exitCode}): ${reasonIn(stderr, stdout)}`);
  }
  return stdout.replace(/\n$/, '');
}
