import { expect } from 'vitest';
import { type Ended, runPgha } from './running-lab.ts';

/** What a run was killed at can be had again by the same seed. */
const seedNow = () => Number(process.env['PGHA_SEED'] ?? Math.floor(Math.random() * 1e6));

/**
 * Starts a command and kills it as it begins a step: another one each time, or the one that `PGHA_SEED` says.
 *
 * @param args without `--lab`; whatever the command asks is to be answered by them.
 * @returns what it showed until then.
 */
export async function killAtAnyStep(args: readonly string[]): Promise<Ended> {
  const dryRun = [...args.filter((word) => word !== '--yes'), '--dry-run', '--lab'];
  const planned = await runPgha(dryRun);
  const steps = planned.stdout.split('\n').flatMap((line) => /^ *\d+\. (.+)$/.exec(line)?.[1] ?? []);
  expect(steps.length, planned.stderr).toBeGreaterThan(0);
  const seed = seedNow();
  const index = seed % steps.length;
  console.log(
    `"pgha ${args.join(' ')}" killed at step ${index + 1} of ${steps.length}: "${steps[index]}" (PGHA_SEED=${seed})`,
  );
  const killed = await runPgha([...args, '--lab'], new RegExp(`❯ ${asPattern(steps[index] ?? '')}`));
  expect(killed.code, killed.stderr).toBeNull();
  return killed;
}

/**
 * Kills a command at a step and gives it again.
 *
 * @param run gives it; without one, as it stands.
 * @returns what both runs showed.
 */
export async function killedAndRunAgain(
  commandLine: string,
  run: (commandLine: string) => Promise<Ended> = (line) => runPgha([...wordsOf(line), '--lab']),
): Promise<string> {
  const startedAt = Date.now();
  const killed = await killAtAnyStep(wordsOf(commandLine));
  const again = await run(commandLine);
  expect(again.code, again.stderr).toBe(0);
  console.log(
    `${((Date.now() - startedAt) / 1_000).toFixed(0)} s, killed and run again: no measure of it\n${again.stderr}${again.stdout}`,
  );
  return `${killed.stderr}${again.stderr}${again.stdout}`;
}

const wordsOf = (commandLine: string) => commandLine.split(' ').slice(1);

/** A name that is taken from the moment is another one in the next run. */
const asPattern = (title: string) =>
  title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/\b(pre-restore|demoted)-\w+/g, '$1-\\w+');
