import type { Block } from '../markdown.ts';
import { commandLinesOf } from '../markdown.ts';

/**
 * Who runs a block of the README: `executed` is run as it stands by the test beside this file, `started` holds the two commands,
 * of which the first runs behind that test and the second is the test run itself; `lab` and `bench` are run by `.ci/run`, and what
 * needs an AWS account is read and held against the help.
 */
export type Kind = 'executed' | 'started' | 'lab' | 'bench' | 'aws';

/** The kind of a block of `sh`. */
export function kindOf(block: Block): Kind {
  const lines = commandLinesOf(block);
  if (lines.some((line) => line === 'npm start')) return 'started';
  if (lines.some((line) => / lab | --lab\b/.test(line))) return 'lab';
  if (lines.some((line) => / bench /.test(line))) return 'bench';
  if (lines.some((line) => /^aws |^npm run (deploy:|pgha )/.test(line))) return 'aws';
  return 'executed';
}
