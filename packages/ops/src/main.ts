#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import type { CommandContext } from './commands/command.ts';
import { nouns } from './commands/nouns.ts';
import { readSettings } from './config.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';

/** A reader that goes away, as `| head` does, is no failure of ours. */
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
    process.once(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));
  }
  onClosedPipe(process.stdout, () => stopped.abort(new Error('nobody reads the output any more')));
  // progress only: what was begun is not cut off because nobody watches
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
    .description('Runs, watches and repairs a highly available PostgreSQL cluster.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 used wrongly, 3 refused.\nHelp of a part: pgha lab --help',
    );
  const wanted = argv.find((argument) => !argument.startsWith('-') && argument !== 'help');
  for (const noun of nouns) {
    // only the noun in use is loaded; the others are lines of the help
    if (noun.name === wanted) (await noun.load())(program, context);
    else program.command(noun.name).summary(noun.summary).description(noun.summary);
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const said = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      `pgha: ${stopped.signal.aborted ? `${String(stopped.signal.reason.message)}: ` : ''}${said}\n`,
    );
    return exitCodeOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
