import type { Command } from 'commander';
import type { Settings } from '../config.ts';

/** What a command gets besides its arguments. */
export interface CommandContext {
  settings: Settings;
  /** Aborted when the user stops the command. */
  signal: AbortSignal;
  /** Standard output: what the command is asked for, nothing else. */
  print(text: string): void;
  /** Sets the exit code of a command that did what it could. */
  exit(code: number): void;
}

/** A noun of `pgha <noun> <verb>`; its file is loaded only when it is used. */
export interface Noun {
  name: string;
  /** The heading of the help below which it stands. */
  group: string;
  summary: string;
  load(): Promise<(program: Command, context: CommandContext) => void>;
}

/** The version of what `--json` prints: raised when a field is renamed, removed or given another meaning. */
export const jsonVersion = 1;

/** The answer as text, or as one line of JSON for programs; an object says its version, a list has no place for it. */
export function answer<T>(
  context: CommandContext,
  options: { json?: boolean },
  value: T,
  text: (value: T) => string,
): void {
  if (options.json !== true) {
    context.print(text(value));
    return;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  context.print(`${JSON.stringify(isObject ? { version: jsonVersion, ...value } : value)}\n`);
}

/** The options that many commands have, as `command.option(...dryRun)`. */
export const dryRun = ['--dry-run', 'print the plan without changing anything'] as const;
export const yes = ['--yes', 'skip the confirmation prompt'] as const;
export const json = ['--json', 'print the result as JSON'] as const;

/** The examples of a command's help, each without its `pgha`: `command.addHelpText(...examples('status --lab'))`. */
export function examples(...lines: readonly string[]): ['after', string] {
  return ['after', `\nExample${lines.length === 1 ? '' : 's'}:\n${lines.map((line) => `  pgha ${line}`).join('\n')}`];
}

/** Rows under headings, columns aligned; the last column is not padded. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
