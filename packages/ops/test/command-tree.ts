import { Command } from 'commander';
import { nouns } from '../src/commands/nouns.ts';
import { readSettings } from '../src/config.ts';

/** A command that can be run, and the words it is called by. */
export interface Leaf {
  words: readonly string[];
  command: Command;
}

/** The whole command line, with every noun loaded, and what it writes as help. */
export async function loadCommands() {
  const said: string[] = [];
  const program = new Command('pgha')
    .enablePositionalOptions()
    .configureOutput({ writeOut: (text) => void said.push(text) });
  const { signal } = new AbortController();
  const context = { settings: readSettings(), signal, print: () => undefined, exit: () => undefined };
  for (const noun of nouns) (await noun.load())(program, context);
  return {
    program,
    nouns: program.commands,
    leaves: leavesOf(program),
    helpOf(command: Command): string {
      said.length = 0;
      command.outputHelp();
      return said.join('');
    },
  };
}

/** Commands without others below them, and those that do something of their own besides. */
function leavesOf(command: Command, words: readonly string[] = []): readonly Leaf[] {
  const below = command.commands.flatMap((each) => leavesOf(each, [...words, each.name()]));
  const isGroup = command.commands.length > 0 && command.registeredArguments.length === 0;
  return isGroup ? below : [{ words, command }, ...below];
}
