import { randomUUID } from 'node:crypto';
import { execa } from 'execa';
import { commandMark, endProcessTree } from './processes.ts';

interface BoundedOptions {
  input: string;
  timeoutMs: number;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Whether our own environment is passed on. */
  extendEnv?: boolean;
}

/** How a command on this computer ended. */
interface BoundedResult {
  /** It was ended at its timeout, with everything it had started; the rest says nothing then. */
  timedOut: boolean;
  /** undefined: it was ended by a signal, or never started. */
  exitCode: number | undefined;
  signal: string | undefined;
  /** The system's word for why it could not be started. */
  code: string | undefined;
  stdout: string;
  stderr: string;
  cause: unknown;
}

/** Runs a command on this computer, and returns at its timeout at the latest: nothing of it goes on then. */
export async function runBounded(
  [file, ...args]: readonly [string, ...string[]],
  options: BoundedOptions,
): Promise<BoundedResult> {
  const mark = randomUUID();
  const { timeoutMs, ...others } = options;
  const running = execa(file, args, {
    ...others,
    env: { ...options.env, [commandMark]: mark },
    reject: false,
    stripFinalNewline: false,
  });
  const ended = running.then((result) => ({
    timedOut: false,
    exitCode: result.exitCode,
    signal: result.signal,
    code: result.code,
    stdout: `${result.stdout}`,
    stderr: `${result.stderr}`,
    cause: result.cause,
  }));
  const timer = Promise.withResolvers<null>();
  const alarm = setTimeout(() => timer.resolve(null), timeoutMs);
  const first = await Promise.race([ended, timer.promise]);
  clearTimeout(alarm);
  if (first !== null) return first;
  if (running.pid !== undefined) await endProcessTree(running.pid, mark);
  // whatever could not be found must not keep its end of the output open for us
  for (const stream of [running.stdin, running.stdout, running.stderr]) stream?.destroy();
  return {
    timedOut: true,
    exitCode: undefined,
    signal: undefined,
    code: undefined,
    stdout: '',
    stderr: '',
    cause: undefined,
  };
}
