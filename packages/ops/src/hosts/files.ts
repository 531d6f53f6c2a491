import type { RunResult, WriteOptions } from './host.ts';
import { reasonIn } from './said.ts';

type Run = (argv: readonly string[], options?: { input?: string }) => Promise<RunResult>;

/** Tells "no such file" from every other failure, which `cat` alone does not. */
const missing = 44;

/** `readFile` of a host whose only way in is running commands. */
export async function readFileByCommand(name: string, run: Run, path: string): Promise<string | null> {
  const script = `[ -e "$1" ] || exit ${missing}; exec cat -- "$1"`;
  const { exitCode, stdout, stderr } = await run(['sh', '-c', script, 'sh', path]);
  if (exitCode === missing) return null;
  if (exitCode !== 0) throw new Error(`${name}: cannot read ${path}: ${reasonIn(stderr)}`);
  return stdout;
}

/** `writeFile` of a host whose only way in is running commands; the content goes through standard input. */
export async function writeFileByCommand(
  name: string,
  run: Run,
  path: string,
  content: string,
  options: WriteOptions = {},
): Promise<void> {
  // rename is what makes it whole or not at all; the temporary file is never readable by others
  const script = `set -eu; umask 077; mkdir -p -m 0755 -- "$(dirname -- "$1")"; new=$(mktemp -- "$1.XXXXXX")
trap 'rm -f -- "$new"' EXIT; cat > "$new"; chown "$2:$3" -- "$new"; chmod "$4" -- "$new"; mv -fT -- "$new" "$1"; trap - EXIT`;
  const argv = [
    'sh',
    '-c',
    script,
    'sh',
    path,
    options.owner ?? 'root',
    options.group ?? 'root',
    options.mode ?? '0644',
  ];
  const { exitCode, stderr } = await run(argv, { input: content });
  if (exitCode !== 0) throw new Error(`${name}: cannot write ${path}: ${reasonIn(stderr)}`);
}
