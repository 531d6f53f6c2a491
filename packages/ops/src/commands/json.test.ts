import { describe, expect, it } from 'vitest';
import { loadCommands } from '../../test/command-tree.ts';
import { answers } from '../../test/json/answers.ts';
import { portugueseAnswers } from '../../test/json/portuguese.ts';
import { renderShape } from '../../test/json/shape.ts';
import { jsonVersion } from './command.ts';

interface Page {
  path: string;
  head: string;
  says: (name: string, english: string) => string;
}

const pages: readonly Page[] = [
  {
    path: 'docs/reference/json.md',
    head: `# What \`--json\` prints

[Português do Brasil](../pt-BR/reference/json.md)

One line of JSON on standard output; progress goes to standard error. \`[…]\` is a list of any length, a *time* is RFC 3339 in
UTC, sizes are bytes, and null means unknown or none. Every object also has \`version: ${jsonVersion}\`; lists are of the same version. Fields
and values may be added within a version; one that is renamed, removed or given another meaning raises it, and the changelog says so. With
\`--dry-run\` a command prints its steps as text; \`failover\`, \`upgrade minor\`, \`apply\`, \`secrets init\` and \`secrets mirror\` print what is
shown here then, too.
`,
    says: (_, english) => english,
  },
  {
    path: 'docs/pt-BR/reference/json.md',
    head: `# O que \`--json\` imprime

[English](../../reference/json.md)

Uma linha de JSON na saída padrão; o progresso vai para a saída de erro. \`[…]\` é uma lista de qualquer tamanho, *time* está no formato
RFC 3339 em UTC, tamanhos são em bytes, e null significa desconhecido ou nenhum. Todo objeto tem também \`version: ${jsonVersion}\`; listas são da
mesma versão. Dentro de uma versão, campos e valores podem ser acrescentados; um que seja renomeado, removido ou mude de significado
incrementa a versão, e o changelog informa. Com \`--dry-run\` um comando imprime os seus passos como texto; \`failover\`, \`upgrade minor\`,
\`apply\`, \`secrets init\` e \`secrets mirror\` imprimem também nesse caso o que é mostrado aqui. As descrições dos campos estão em inglês,
como os nomes deles.
`,
    says: (name) => portugueseAnswers[name] ?? expect.fail(`nothing says in Portuguese what ${name} prints`),
  },
];

const { leaves } = await loadCommands();

/** The commands that have the option, in the order of the help. */
const names = leaves
  .filter(({ command }) => command.options.some(({ long }) => long === '--json'))
  .map(({ words }) => words.join(' '));

describe('the reference of --json', () => {
  it('has every command that has the option, and no other', () => {
    expect(Object.keys(answers).sort()).toEqual(names.toSorted());
    expect(Object.keys(portugueseAnswers).sort()).toEqual(names.toSorted());
  });

  it.each(pages)('is what the repository has in $path', async ({ path, head, says }) => {
    const parts = names.map((name) => {
      const answer = answers[name] ?? expect.fail(`nothing says what ${name} prints`);
      return `\n## pgha ${name}\n\n${says(name, answer.says)}\n\n\`\`\`text\n${renderShape(answer.shape)}\n\`\`\`\n`;
    });
    await expect(`${head}${parts.join('')}`).toMatchFileSnapshot(`../../../../${path}`);
  });
});
