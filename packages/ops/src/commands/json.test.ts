import { describe, expect, it } from 'vitest';
import { loadCommands } from '../../test/command-tree.ts';
import { answers } from '../../test/json/answers.ts';
import { renderShape } from '../../test/json/shape.ts';
import { jsonVersion } from './command.ts';

const head = `# What \`--json\` prints

One line of JSON on standard output; progress goes to standard error. \`[…]\` is a list of any length, a *time* is RFC 3339 in
UTC, sizes are bytes, and null means unknown or none. Every object also has \`version: ${jsonVersion}\`; lists are of the same version. Fields
and values may be added within a version; one that is renamed, removed or given another meaning raises it, and the changelog says so. With
\`--dry-run\` a command prints its steps as text; \`failover\`, \`upgrade minor\`, \`apply\`, \`secrets init\` and \`secrets mirror\` print what is
shown here then, too.
`;

const { leaves } = await loadCommands();

/** The commands that have the option, in the order of the help. */
const names = leaves
  .filter(({ command }) => command.options.some(({ long }) => long === '--json'))
  .map(({ words }) => words.join(' '));

describe('the reference of --json', () => {
  it('has every command that has the option, and no other', () => {
    expect(Object.keys(answers).sort()).toEqual(names.toSorted());
  });

  it('is what the repository has', async () => {
    const parts = names.map((name) => {
      const { says, shape } = answers[name] ?? expect.fail(`nothing says what ${name} prints`);
      return `\n## pgha ${name}\n\n${says}\n\n\`\`\`text\n${renderShape(shape)}\n\`\`\`\n`;
    });
    await expect(`${head}${parts.join('')}`).toMatchFileSnapshot('../../../../docs/reference/json.md');
  });
});
