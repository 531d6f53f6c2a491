/** More would bury the reason: the lines that name it are the last ones. */
const keptLines = 5;
/** The program and what it was asked to do; an SQL statement or a script behind it says nothing to the reader. */
const keptCommandCharacters = 100;

/**
 * Why a program failed, on one line and without its stack: an uncaught exception is named by its message.
 *
 * @param stderr what it wrote to standard error; `stdout` counts where that is empty.
 */
export function reasonIn(stderr: string, stdout = ''): string {
  const lines = (stderr.trim() || stdout.trim())
    .split('\n')
    .map((line) => line.trimEnd())
    // a caret under a piece of source or SQL
    .filter((line) => !/^[\s^~]*$/.test(line));
  if (lines.length === 0) return 'no output';
  const exception = exceptionOfPython(lines) ?? exceptionOfNode(lines);
  return (
    exception ??
    lines
      .slice(-keptLines)
      .map((line) => line.trim())
      .join('; ')
  );
}

/** A command as a message shows it. */
export function briefly(argv: readonly string[]): string {
  const text = argv.join(' ').replaceAll(/\s+/g, ' ').trim();
  return text.length <= keptCommandCharacters ? text : `${text.slice(0, keptCommandCharacters).trimEnd()}…`;
}

/** Exceptions that a program raises on purpose, or whose text names the cause; of the others only the class says what they are. */
const speaksForItself =
  /^(RuntimeError|\w*(Failed|Failure|Refused)|OSError|URLError|HTTPError|SSL\w*|Timeout\w*|Connection\w*|FileNotFoundError|PermissionError|CalledProcessError)$/;

function exceptionOfPython(lines: readonly string[]): string | null {
  const begin = lines.findLastIndex((line) => line.startsWith('Traceback (most recent call last)'));
  if (begin < 0) return null;
  const after = lines.slice(begin + 1);
  const first = after.findIndex((line) => !/^\s/.test(line));
  if (first < 0) return 'internal error';
  const [, path = '', text = ''] = /^([\w.]+)(?::\s*(.*))?$/.exec(after[first] ?? '') ?? [];
  const name = path.split('.').at(-1) ?? '';
  const message = [text, ...after.slice(first + 1).map((line) => line.trim())]
    .filter((line) => line !== '')
    .join('; ')
    .replace(/^<urlopen error (.*)>$/, '$1')
    .replace(/^\[Errno -?\d+\] /, '');
  if (message !== '' && speaksForItself.test(name)) return message;
  return `internal error (${[name, message].filter((part) => part !== '').join(': ')})`;
}

function exceptionOfNode(lines: readonly string[]): string | null {
  const stack = lines.findIndex((line) => /^\s+at .+:\d+:\d+\)?$/.test(line));
  if (stack < 0) return null;
  const message = lines
    .slice(0, stack)
    .map((line) => /^(?:Uncaught )?(?:\w*Error|error)(?: \[\w+\])?: (.*)$/.exec(line)?.[1])
    .findLast((text) => text !== undefined);
  return message ?? 'internal error';
}
