import { peerOf } from '@pgha/infra/cluster';
import type { Installation } from '../installation/installation.ts';
import { runOperation } from '../operations/operation.ts';
import { repositoriesOf } from '../operations/restore/acting.ts';
import { planInPlace } from '../operations/restore/in-place.ts';
import { findUnfinishedRestore, type InPlaceLoss, prepareInPlace } from '../operations/restore/in-place-preparation.ts';
import type { InPlaceChoices, InPlaceSetting } from '../operations/restore/in-place-setting.ts';
import { say } from '../operations/restore/target.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext } from './command.ts';
import { withInstallation } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';
import { type RestoreOptions, repositoryOf } from './restore-options.ts';

/** What the command tells in the end. */
export interface InPlaceEnd {
  target: string;
  repository: number;
  backup: string;
  /** The new timeline. */
  timeline: number;
  primary: string;
  /** What the data of before is kept as. */
  kept: string;
  /** Repositories that did not answer and have no backup of the new timeline. */
  withoutBackup: readonly number[];
  /** Whether the standby region follows the new timeline. */
  standbyFollows: boolean;
}

/** Restores the whole cluster to a point in time. */
export function restoreInPlace(context: CommandContext, moment: Date, options: RestoreOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const all = repositoriesOf(installation.cluster, undefined);
    repositoriesOf(installation.cluster, options.repo);
    const doing = `restore ${moment.toISOString()} --into in-place${options.repo === undefined ? '' : ` --repo ${options.repo}`}`;
    const unfinished = await findUnfinishedRestore(installation, doing);
    const request = {
      moment,
      repository: repositoryOf(options),
      withoutStandby: options.withoutStandby === true,
    };
    const prepared = unfinished === null ? await prepareInPlace(installation, request) : null;
    const region = unfinished?.region ?? prepared?.region ?? installation.cluster.primary;
    const choices = unfinished?.choices ?? prepared?.choices;
    if (choices === undefined) throw new Error('neither a restore to start nor one to resume');
    const plan = (setting: Pick<InPlaceSetting, 'memory' | 'signal'>, chosen: InPlaceChoices) =>
      planInPlace({
        installation,
        region,
        standby: chosen.withStandby ? peerOf(installation.cluster, region) : null,
        choices: chosen,
        ...setting,
      });
    if (options.dryRun === true) {
      return context.print(describeSteps(plan({ memory: nothingDecided, signal: installation.signal }, choices)));
    }
    await askConsent(question(installation, moment, choices, prepared?.loss ?? null), options.yes === true);
    const timeline = await runOperation(installation, region, doing, async ({ memory, signal }) => {
      const chosen = JSON.parse(await memory.choose('plan', () => JSON.stringify(choices))) as InPlaceChoices;
      await showSteps(plan({ memory, signal }, chosen));
      return Number(memory.recall('led'));
    });
    const { source, restorer, id, repositories, withStandby } = choices;
    const end: InPlaceEnd = {
      target: source.target,
      repository: source.repository,
      backup: source.backup,
      timeline,
      primary: restorer,
      kept: id,
      withoutBackup: all.filter((repository) => !repositories.includes(repository)),
      standbyFollows: withStandby,
    };
    answer(context, options, end, renderEnd);
  });
}

/** For steps that are only shown. */
const nothingDecided = { recall: () => null, choose: async (_name: string, make: () => string) => make() };

function question(
  { cluster }: Installation,
  moment: Date,
  { source, id }: InPlaceChoices,
  loss: InPlaceLoss | null,
): string {
  if (loss === null) return `Resume the interrupted restore to ${say(moment)}?`;
  const last = loss.lastCommitAt === null ? 'last commit: unknown' : `last commit: ${loss.lastCommitAt}`;
  return (
    `Restore the whole cluster ${cluster.project}/${cluster.environment} to ${say(moment)} from repository ${source.repository}? ` +
    `All changes of the last ${loss.seconds} s are discarded (${last}), and writes are unavailable until the restore completes. ` +
    `The current data directories are kept as ${id} on every member.`
  );
}

function renderEnd({ target, timeline, primary, kept, withoutBackup, standbyFollows }: InPlaceEnd): string {
  return [
    `the cluster is restored to ${target}, timeline ${timeline}; the primary is ${primary}`,
    `the previous data directories are retained: "pgha restore list" shows them, "pgha restore drop ${kept}" deletes them`,
    ...withoutBackup.map(
      (repository) =>
        `! repository ${repository} did not respond and has no backup of this timeline. Create one: pgha backup create --type full --repo ${repository}`,
    ),
    ...(standbyFollows ? [] : ['! no standby region replicates this timeline']),
  ]
    .map((line) => `${line}\n`)
    .join('');
}
