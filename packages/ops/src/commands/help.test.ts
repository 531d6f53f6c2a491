import { describe, expect, it } from 'vitest';
import { loadCommands } from '../../test/command-tree.ts';

const { nouns, leaves, helpOf } = await loadCommands();

/** The examples of a help text, each without its `pgha`. */
function examplesIn(help: string): readonly string[] {
  const [, text = ''] = /^Examples?:\n((?: {2}.*(?:\n|$))+)/m.exec(help) ?? [];
  return text.split('\n').flatMap((line) => (line.startsWith('  pgha ') ? [line.slice('  pgha '.length)] : []));
}

/** The options of an example that its command does not have. */
function strangersIn(example: string): readonly string[] {
  // behind "--" and "|" are other programs' words
  const words = (example.split(/ (?:--|\|) /)[0] ?? '').split(' ');
  const [leaf] = leaves
    .filter((each) => each.words.every((word, index) => words[index] === word))
    .sort((a, b) => b.words.length - a.words.length);
  if (leaf === undefined) return [`pgha ${example}: no such command`];
  const { unknown } = leaf.command.parseOptions(words.slice(leaf.words.length));
  return unknown.map((word) => `pgha ${example}: ${word}`);
}

describe('the help of every command', () => {
  it('is looked at below every noun', () => {
    expect(new Set(leaves.map(({ words }) => words[0]))).toEqual(new Set(nouns.map((noun) => noun.name())));
    expect(leaves.map(({ words }) => words.join(' '))).toEqual(
      expect.arrayContaining(['restore', 'restore copy', 'lab measure', 'upgrade minor']),
    );
  });

  it.each(leaves.map((leaf) => [leaf.words.join(' '), leaf] as const))('%s has an example', (name, { command }) => {
    const examples = examplesIn(helpOf(command));
    expect(examples.filter((line) => line === name || line.startsWith(`${name} `))).not.toEqual([]);
  });

  it('has no example with an option that its command does not have', () => {
    const helps = [...nouns, ...leaves.map(({ command }) => command)].map(helpOf);
    expect(helps.flatMap(examplesIn).flatMap(strangersIn)).toEqual([]);
  });
});

/** What changes nothing that runs, and the lab, which is made to be thrown away. */
const withoutDryRun = [
  'status',
  'load',
  'connect',
  'backup list',
  'restore list',
  'dr status',
  'operations list',
  // it has no steps: what is forgotten is in the question, and in the list
  'operations forget',
  'api status',
  'secrets list',
  'secrets show',
  'certs list',
  'archive status',
  'doctor',
  'cost',
  'policies',
  'plan',
  'nodes list',
];

describe('--dry-run', () => {
  it('is there on every command that changes something', () => {
    const lacking = leaves
      .filter(({ words, command }) => words[0] !== 'lab' && !command.options.some(({ long }) => long === '--dry-run'))
      .map(({ words }) => words.join(' '));
    expect(lacking.sort()).toEqual(withoutDryRun.toSorted());
  });
});
