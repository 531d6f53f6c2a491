import { readFile, rename, writeFile } from 'node:fs/promises';
import { runBounded } from './bounded.ts';
import { CommandTimeoutError, defaultRunTimeoutMs, type Host, type RunOptions, type RunResult } from './host.ts';

/**
 * This computer, for what is built on it. Commands run as whoever runs `pgha`, in `folder`; owners cannot be set.
 */
export function createLocalHost(folder: string): Host {
  const name = 'this computer';
  const run = async (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const [command = '', ...rest] = argv;
    const timeoutMs = options.timeoutMs ?? defaultRunTimeoutMs;
    const result = await runBounded([command, ...rest], { cwd: folder, input: options.input ?? '', timeoutMs });
    if (result.timedOut) throw new CommandTimeoutError(name, argv, timeoutMs);
    if (result.code === 'ENOENT') return { exitCode: 127, stdout: '', stderr: `${command}: not found\n` };
    return { exitCode: result.exitCode ?? 255, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    name,
    run,
    readFile: (path) =>
      readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      }),
    writeFile: async (path, content, { mode = '0644' } = {}) => {
      await writeFile(`${path}.new`, content, { mode: Number.parseInt(mode, 8) });
      await rename(`${path}.new`, path);
    },
  };
}
