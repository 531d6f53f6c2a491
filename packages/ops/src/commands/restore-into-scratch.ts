import type { Installation } from '../installation/installation.ts';
import { runBesides } from '../operations/operation.ts';
import { repositoriesOf } from '../operations/restore/acting.ts';
import { findScratches, type PlacedScratch } from '../operations/restore/scratch.ts';
import { prepareScratch } from '../operations/restore/scratch-preparation.ts';
import { say } from '../operations/restore/target.ts';
import { answer, type CommandContext } from './command.ts';
import { withInstallation } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';
import { type RestoreOptions, repositoryOf } from './restore-options.ts';

/** A server restored to a point in time, on the host of a replica. */
export function restoreIntoScratch(context: CommandContext, moment: Date, options: RestoreOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    repositoriesOf(installation.cluster, options.repo);
    const request = { moment, repository: repositoryOf(options), on: options.on ?? null };
    const { region, name, steps } = await prepareScratch(installation, request);
    if (options.dryRun === true) return context.print(describeSteps(steps));
    await runBesides(installation, region, `restore ${say(moment)}`, () => showSteps(steps));
    const made = (await findScratches(installation)).find((each) => each.name === name);
    if (made === undefined) throw new Error(`${name} was dropped by another operator`);
    answer(context, options, made, (scratch) => describeScratch(scratch, installation.kind));
  });
}

/** What it has and how to look at it. */
function describeScratch(scratch: PlacedScratch, kind: Installation['kind']): string {
  const { name, machine, connection, lastCommitAt, spec } = scratch;
  const enter = kind === 'lab' ? `pgha lab exec ${machine} -- runuser -u postgres --` : 'sudo -u postgres';
  return `${name} on ${machine} is restored to ${spec.target}${lastCommitAt === null ? '' : `; its last commit is at ${lastCommitAt}`}

Query${kind === 'lab' ? '' : ` (on ${machine})`}:  ${enter} psql "${connection}"
Dump a table:  ${enter} pg_dump --dbname="${connection}" --table=TABLE
Copy a table back:  pgha restore copy ${name} --table TABLE
Drop it:  pgha restore drop ${name}
`;
}
