import { defineCluster } from '@pgha/infra/cluster';
import { signalsOf } from '@pgha/infra/signals';
import { describe, expect, it } from 'vitest';
import { loadCommands } from '../../test/command-tree.ts';

const { leaves } = await loadCommands();
const cluster = defineCluster({ primary: { postgres: 3 } });

/** The `pgha …` of a text, each without its `pgha`; a label of the alert is the number of a repository. */
const commandsIn = (text: string) =>
  [...text.replaceAll(/\{\{[^}]*\}\}/g, '1').matchAll(/`pgha ([^`]+)`/g)].map(([, words = '']) => words.split(' '));

function problemOf(words: readonly string[]): string | null {
  const [leaf] = leaves
    .filter((each) => each.words.every((word, index) => words[index] === word))
    .sort((a, b) => b.words.length - a.words.length);
  if (leaf === undefined) return 'no such command';
  const { unknown } = leaf.command.parseOptions(words.slice(leaf.words.length));
  return unknown.length === 0 ? null : `unknown: ${unknown.join(' ')}`;
}

describe('the first action of every alert', () => {
  it('has commands and options that exist', () => {
    const commands = signalsOf(cluster).flatMap(({ name, runbook }) =>
      commandsIn(runbook).map((words) => ({ name, words })),
    );
    expect(commands.length).toBeGreaterThan(40);
    for (const { name, words } of commands) expect(problemOf(words), `${name}: pgha ${words.join(' ')}`).toBeNull();
  });
});
