import { execa } from 'execa';
import { briefly, reasonIn } from '../hosts/said.ts';

export interface CommandOptions {
  input?: string;
  timeoutMs?: number;
  env?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** Called with each line of standard error as it comes: progress of something long. */
  onLine?: (line: string) => void;
}

/** A command on this machine that has to succeed; gives its standard output. */
export async function command(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<string> {
  const [file, ...args] = argv;
  const running = execa(file, args, {
    input: options.input ?? '',
    timeout: options.timeoutMs ?? 60_000,
    reject: false,
    env: { LC_ALL: 'C', ...options.env },
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  if (options.onLine !== undefined) {
    for await (const line of running.iterable({ from: 'stderr' })) options.onLine(line);
  }
  const result = await running;
  options.signal?.throwIfAborted();
  if (result.failed) {
    const status = result.exitCode === undefined ? (result.signal ?? result.code) : `exit status ${result.exitCode}`;
    const end = result.timedOut ? 'timed out' : `failed (${status})`;
    throw new Error(`"${briefly(argv)}" ${end}: ${reasonIn(result.stderr)}`, { cause: result.cause });
  }
  return result.stdout;
}

/** The command inside a named network namespace; everything else stays this machine's. */
export function inNetwork(namespace: string, argv: readonly string[]): [string, ...string[]] {
  return ['nsenter', `--net=/run/netns/${namespace}`, '--', ...argv];
}
