#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import type { CommandContext } from './commands/command.ts';
import { nouns } from './commands/nouns.ts';
import { readSettings } from './config.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';

/** A reader that exits early, as `| head` does, is not an error. */
function onClosedPipe(stream: NodeJS.WriteStream, closed: () => void): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed();
  });
}

/** Runs one command line and gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopped.abort(new Error(`interrupted by ${signal}`)));
  }
  onClosedPipe(process.stdout, () => stopped.abort(new Error('output pipe closed')));
  // progress only: an operation is not interrupted because nothing reads its progress
  onClosedPipe(process.stderr, () => {});
  let code: number = exitCodes.done;
  const context: CommandContext = {
    settings: readSettings(),
    signal: stopped.signal,
    print: (text) => void process.stdout.write(text),
    exit: (value) => {
      code = value;
    },
  };
  const program = new Command('pgha')
    .description('Deploy and operate a highly available PostgreSQL 17 cluster on AWS.')
    .usage('[options] <command>')
    .version(manifest.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) })
    .addHelpText(
      'after',
      `
Exit codes:
  0  success
  1  the command failed, or it found issues (status, dr status, doctor, verify)
  2  usage error
  3  refused: a precondition is not met, nothing was changed

Examples:
  pgha doctor                                before the first deployment
  pgha status --watch                        during an incident
  pgha restore 2025-01-15T14:30:00+00:00     to query the data from before a mistake

Run "pgha <command> --help" for options and examples.`,
    );
  const wanted = argv.find((argument) => !argument.startsWith('-') && argument !== 'help');
  for (const noun of nouns) {
    // only the noun in use is loaded; the others are lines of the help
    if (noun.name === wanted) (await noun.load())(program, context);
    else program.command(noun.name).summary(noun.summary).description(noun.summary);
    program.commands.find((command) => command.name() === noun.name)?.helpGroup(noun.group);
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const said = error instanceof Error ? error.message : String(error);
    const reason = stopped.signal.aborted ? String((stopped.signal.reason as Error).message) : '';
    process.stderr.write(`pgha: ${reason === '' || said.includes(reason) ? said : `${reason}: ${said}`}\n`);
    return exitCodeOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
