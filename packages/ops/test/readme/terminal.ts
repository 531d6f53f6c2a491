import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter } from 'node:path';

/** A shell in which a reader pastes one block after the other. */
export interface Terminal {
  /**
   * Pastes a block and waits until all of it has run.
   *
   * @returns what it printed; throws when a command of it failed, or after `deadlineMs`.
   */
  paste(block: string, deadlineMs: number): Promise<string>;
  close(): Promise<void>;
}

/** The environment of somebody who opened a terminal, not that of the tests: no npm around them, no Node but their own. */
export function readersEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE|VITEST|VITE|TEST$|PGHA_|INIT_CWD)/i.test(name),
  );
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return { ...Object.fromEntries(own), PATH: path.join(delimiter) };
}

/** Opens a terminal in a folder. */
export function openTerminal(folder: string): Terminal {
  const shell = spawn('bash', ['--noprofile', '--norc'], { cwd: folder, env: readersEnvironment() });
  const ended = once(shell, 'exit');
  let said = '';
  for (const output of [shell.stdout, shell.stderr]) {
    output.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  shell.stdin.write(`trap 'echo "failed with $?: $BASH_COMMAND"' ERR\n`);
  let blocks = 0;
  return {
    paste: async (block, deadlineMs) => {
      said = '';
      const end = `end of block ${++blocks}`;
      // in two parts, so that the shell's own words about a block it cannot read do not look like its end
      shell.stdin.write(`${block}\necho "end of"" block ${blocks}"\n`);
      const signal = AbortSignal.timeout(deadlineMs);
      while (!said.includes(`${end}\n`)) {
        await once(shell.stdout, 'data', { signal }).catch((cause: unknown) => {
          throw new Error(`it did not end within ${deadlineMs / 1_000} s:\n${block}\nIt printed:\n${said}`, { cause });
        });
      }
      if (/^failed with \d+: /m.test(said)) throw new Error(`a command failed:\n${block}\nIt printed:\n${said}`);
      return said.slice(0, said.indexOf(end));
    },
    close: async () => {
      shell.stdin.end('exit\n');
      await ended;
    },
  };
}
