import { readFile, rename, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { defaultRunTimeoutMs, type Host, type RunOptions, type RunResult } from './host.ts';

/**
 * This computer, for what is built on it. Commands run as whoever runs `pgha`, in `folder`; owners cannot be set.
 */
export function createLocalHost(folder: string): Host {
  const run = async (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const [command = '', ...rest] = argv;
    const result = await execa(command, rest, {
      cwd: folder,
      input: options.input ?? '',
      timeout: options.timeoutMs ?? defaultRunTimeoutMs,
      reject: false,
      stripFinalNewline: false,
    });
    if (result.timedOut) throw new Error(`"${argv.join(' ')}" did not end within ${result.durationMs} ms`);
    if (result.code === 'ENOENT') return { exitCode: 127, stdout: '', stderr: `${command}: not found\n` };
    return { exitCode: result.exitCode ?? 255, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    name: 'this computer',
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
