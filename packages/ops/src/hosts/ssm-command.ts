import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import type { RunResult } from './host.ts';

/** Run Command keeps the first 24 000 characters of a command's output (GetCommandInvocation); a little room is left. */
export const inlineLimit = 23_000;

/** What the machine is asked to do; the answer is what `ssm-runner.py` prints. */
export interface RunnerRequest {
  argv: readonly string[];
  /** Where standard input is fetched from; null: there is none. */
  inputUrl: string | null;
  /** Where a result is put that is too long for Run Command. */
  outputUrl: string;
  timeoutSeconds: number;
  inlineLimit: number;
}

/** The command ran out of its own time on the machine; it and everything it started were killed. */
export class CommandTimedOutError extends Error {
  override name = 'CommandTimedOutError';
}

const runner = readFileSync(new URL('ssm-runner.py', import.meta.url), 'utf8');

/**
 * The lines of an `AWS-RunShellScript` command. Systems Manager replaces what stands between two curly brackets, so that
 * everything of ours goes as base64.
 */
export function runnerScript(request: RunnerRequest): readonly string[] {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  const program = `import base64,sys;exec(base64.b64decode("${encode(runner)}"))`;
  return [`exec /usr/bin/python3 -c '${program}' ${encode(JSON.stringify(request))}`];
}

/**
 * Reads a packed result.
 *
 * @throws CommandTimedOutError when the machine ended the command.
 */
export function unpackResult(packed: string): RunResult {
  const { timedOut, exitCode, stdout, stderr } = JSON.parse(
    inflateSync(Buffer.from(packed.trim(), 'base64')).toString(),
  ) as { timedOut?: boolean; exitCode: number; stdout: string; stderr: string };
  if (timedOut === true) throw new CommandTimedOutError('it timed out and was killed');
  const decode = (text: string) => Buffer.from(text, 'base64').toString();
  return { exitCode, stdout: decode(stdout), stderr: decode(stderr) };
}
