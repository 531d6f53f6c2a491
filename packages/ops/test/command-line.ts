import type { Command, Option } from 'commander';

/** How the documents call the program; what follows are its words. */
const callings = /^(?:[A-Z_]+=\S+ )*(?:(?:npx -y pnpm@[\d.]+|pnpm) pgha|npm run (?:--silent )?pgha --|pgha) /;

/** The words behind `pgha` in a line of a document; null where the line calls something else. */
export function wordsBehindPgha(line: string): readonly string[] | null {
  const [calling] = callings.exec(`${line} `) ?? [];
  if (calling === undefined) return null;
  // behind a pipe are other programs' words, and so they are behind an ellipsis
  const [own = ''] = line.slice(calling.length).split(/ [|>] | && |…/);
  return wordsOf(own.trim());
}

/**
 * What is wrong with a command line of a document.
 *
 * @param program the whole tree, every noun loaded.
 * @param isWhole whether it is a line to paste, or words in a sentence, which may stop short of an argument.
 */
export function findMistakes(program: Command, words: readonly string[], isWhole: boolean): readonly string[] {
  const { command, rest } = descend(program, words);
  const { mistakes, values } = readOptions(command, rest);
  const [subcommand] = values;
  const takesOthers = command.registeredArguments.length > 0;
  if (command.commands.length > 0 && !takesOthers && (subcommand !== undefined || (isWhole && command !== program))) {
    return subcommand === undefined ? [`"${command.name()}" needs a command`] : [`no such command: ${subcommand}`];
  }
  const places = command.registeredArguments;
  const tooMany = values.length > places.length && places.at(-1)?.variadic !== true;
  const lacking = isWhole ? places.slice(values.length).filter(({ required }) => required) : [];
  const strange = values.flatMap((value, index) => {
    const choices = places[Math.min(index, places.length - 1)]?.argChoices;
    return choices === undefined || isPlaceholder(value) || choices.includes(value) ? [] : [`no choice: ${value}`];
  });
  return [
    ...mistakes,
    ...(tooMany ? [`too many words: ${values.slice(places.length).join(' ')}`] : []),
    ...lacking.map((argument) => `lacks <${argument.name()}>`),
    ...strange,
  ];
}

function descend(program: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  const [first, ...rest] = words;
  const below = program.commands.find((command) => command.name() === first);
  return below === undefined ? { command: program, rest: words } : descend(below, rest);
}

/** The options of the line held against those of the command, and the words that are none. */
function readOptions(command: Command, words: readonly string[]): { mistakes: string[]; values: string[] } {
  const [mistakes, values]: [string[], string[]] = [[], []];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    // what follows is for another program
    if (word === '--') break;
    if (!/^--?[a-z]/.test(word)) {
      values.push(word);
      continue;
    }
    const [name = '', given] = word.split('=', 2);
    if (name === '--help' || name === '-h' || name === '--version') continue;
    const option = command.options.find(({ long, short }) => long === name || short === name);
    if (option === undefined) mistakes.push(`no such option: ${name}`);
    else if (option.required) mistakes.push(...mistakesOfValue(option, given ?? words[++index]));
  }
  return { mistakes, values };
}

function mistakesOfValue({ long, argChoices }: Option, value: string | undefined): readonly string[] {
  if (value === undefined) return [`${long} lacks its value`];
  if (argChoices === undefined || isPlaceholder(value)) return [];
  return argChoices.includes(value) ? [] : [`${long}: no choice ${value}`];
}

/** What a reader puts a word of their own in place of: `NAME`, `REGION`, `MOMENTO`. */
const isPlaceholder = (word: string): boolean => /^([A-Z][A-Z_-]*|\*\w+\*)$/.test(word);

const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, plain]) => double ?? single ?? plain ?? '');
