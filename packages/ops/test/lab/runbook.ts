import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type Ended, runPgha } from './running-lab.ts';

/** A page of docs/runbooks whose commands are run as they stand there. */
export interface Runbook {
  /**
   * Runs a command of the page in the lab.
   *
   * @param command as the page has it, whole; one that is not on the page fails the test.
   * @param values what stands on the page as an example -> what is meant here.
   */
  run(command: string, values?: Readonly<Record<string, string>>): Promise<Ended>;
  /** The page's commands that nothing has run. */
  unrun(): readonly string[];
}

/** Opens a page by its name. */
export function openRunbook(page: string): Runbook {
  const commands = commandsOf(readFileSync(new URL(`../../../../docs/runbooks/${page}`, import.meta.url), 'utf8'));
  const left = new Set(commands);
  return {
    run: async (command, values = {}) => {
      expect(commands, `${page} has the command`).toContain(command);
      const meant = Object.entries(values).reduce((text, [example, value]) => {
        expect(text, `the example of "${command}"`).toContain(example);
        return text.replaceAll(example, value);
      }, command);
      const [program, ...args] = wordsOf(meant);
      expect(program).toBe('pgha');
      const ended = await runPgha([...args, '--lab']);
      left.delete(command);
      return ended;
    },
    unrun: () => [...left],
  };
}

/** Runs a command of a page to its end, and prints what it took. */
export async function undisturbed(page: Runbook, command: string): Promise<string> {
  const startedAt = Date.now();
  const { code, stdout, stderr } = await page.run(command);
  expect(code, stderr).toBe(0);
  console.log(`"${command}" undisturbed: ${((Date.now() - startedAt) / 1_000).toFixed(1)} s\n${stdout}`);
  return stdout;
}

/** The lines of the page's blocks of `sh`, indented ones in lists too. */
function commandsOf(text: string): readonly string[] {
  return [...text.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)].flatMap(([, , block = '']) =>
    block
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
