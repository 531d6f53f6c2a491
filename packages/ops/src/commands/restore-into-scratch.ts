import { membersOf, peerOf } from '@pgha/infra/cluster';
import type { Installation } from '../installation/installation.ts';
import { runBesides } from '../operations/operation.ts';
import { findActing, repositoriesOf } from '../operations/restore/acting.ts';
import { chooseBeside } from '../operations/restore/beside.ts';
import { findScratches, type PlacedScratch, planScratch, scratchName } from '../operations/restore/scratch.ts';
import { findSource } from '../operations/restore/source.ts';
import { say } from '../operations/restore/target.ts';
import { answer, type CommandContext } from './command.ts';
import { withInstallation } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';
import { type RestoreOptions, repositoryOf } from './restore-options.ts';

/** A server that has what was there at a moment, beside a replica. */
export function restoreIntoScratch(context: CommandContext, moment: Date, options: RestoreOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const { cluster, signal } = installation;
    const acting = await findActing(installation);
    const { region } = acting.view;
    repositoriesOf(cluster, options.repo);
    const { source } = await findSource(cluster, region, acting.reader, moment, repositoryOf(options));
    const name = scratchName(source);
    const peer = peerOf(cluster, region);
    const nodes = [region, ...(peer === null ? [] : [peer])].flatMap(membersOf);
    // the same command again means the same server
    const there = (await findScratches(installation)).find((each) => each.name === name);
    const node = nodes.find((each) => each.name === there?.machine);
    const beside =
      node === undefined
        ? await chooseBeside(installation, acting.view, nodes, source.sizeBytes, options.on ?? null)
        : installation.host(node);
    const steps = planScratch({ cluster, primary: acting.leader, beside, source, signal });
    if (options.dryRun === true) return context.print(describeSteps(steps));
    await runBesides(installation, region, `restore ${say(moment)}`, () => showSteps(steps));
    const made = (await findScratches(installation)).find((each) => each.name === name);
    if (made === undefined) throw new Error(`${name} is gone: somebody dropped it`);
    answer(context, options, made, (scratch) => describeScratch(scratch, installation.kind));
  });
}

/** What it has and how to look at it. */
function describeScratch(scratch: PlacedScratch, kind: Installation['kind']): string {
  const { name, machine, connection, lastCommitAt, spec } = scratch;
  const enter = kind === 'lab' ? `pgha lab exec ${machine} -- runuser -u postgres --` : 'sudo -u postgres';
  return `${name} on ${machine} has what was there at ${spec.target}${lastCommitAt === null ? '' : `; its last commit is of ${lastCommitAt}`}

Look${kind === 'lab' ? '' : ` on ${machine}`}:  ${enter} psql "${connection}"
A table as SQL:  ${enter} pg_dump --dbname="${connection}" --table=TABLE
A table back:  pgha restore copy ${name} --table TABLE
Away with it:  pgha restore drop ${name}
`;
}
