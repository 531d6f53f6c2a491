import type { Command } from 'commander';
import { chooseFailover, type FailoverView, planFailover, viewFailover } from '../operations/failover.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { findAllWriters, refuseHiddenPrimary } from '../operations/writers.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, table } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';
import { bytes } from './units.ts';

interface FailoverOptions extends PlaceOptions {
  to?: string;
  acceptDataLoss?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `pgha failover`: a person decides where Patroni must not. */
export function registerFailover(program: Command, context: CommandContext): void {
  withPlace(program.command('failover'), context)
    .summary('make a member the primary where nobody leads')
    .description(
      'For when there is no primary and no member may take over by itself, because it could lack commits that were acknowledged: ' +
        'shows what each member has and what promoting it could cost. Bringing a lost machine back is always the better way.',
    )
    .option('--to <member>', 'who is promoted; without it the one that is sure to have everything, else the farthest')
    .option('--accept-data-loss', 'agree that acknowledged commits may be missing')
    .option('--dry-run', 'show the candidates and the steps; nothing is changed')
    .option('--yes', 'do not ask')
    .option('--json', 'print the candidates as JSON')
    .addHelpText('after', '\nExamples:\n  pgha failover --dry-run\n  pgha failover --to pg-3 --accept-data-loss')
    .action((options: FailoverOptions) =>
      withInstallation(context, options, async (installation) => {
        const [views, writers] = await Promise.all([viewRegions(installation), findAllWriters(installation)]);
        refuseHiddenPrimary(views, writers);
        const { region } = actingRegion(installation.cluster, views);
        const view = await viewFailover(installation, region);
        answer(context, options, view, renderFailover);
        const candidate = options.to ?? chooseFailover(view).name;
        const accepts = options.acceptDataLoss === true;
        const risk = view.candidates.find(({ name }) => name === candidate)?.risk ?? null;
        const plan = (signal: AbortSignal, accepted: boolean) =>
          planFailover(installation, region, view, candidate, accepted, signal);
        if (options.dryRun === true) {
          const steps = plan(installation.signal, true);
          if (options.json === true) return;
          const needed = risk === null || accepts ? '' : `It would need --accept-data-loss: ${risk}.\n`;
          return context.print(`${needed}${describeSteps(steps)}`);
        }
        // refused before anybody is asked
        plan(installation.signal, accepts);
        await askConsent(
          risk === null ? `Promote ${candidate}?` : `Promote ${candidate}, although ${risk}?`,
          options.yes === true,
        );
        const doing = `failover --to ${candidate}${accepts ? ' --accept-data-loss' : ''}`;
        await runOperation(installation, region, doing, ({ signal }) => showSteps(plan(signal, accepts)));
      }),
    );
}

function renderFailover({ leader, lostPrimary, lastKnownLsn, candidates }: FailoverView): string {
  const head =
    leader === null
      ? `Nobody leads. ${lostPrimary ?? 'The last primary'} was at ${lastKnownLsn ?? 'an unknown position'} when it last told etcd, up to a few seconds before it was lost.\n`
      : `${leader} leads.\n`;
  const list = table(
    ['MEMBER', 'RECEIVED', 'BEHIND THAT', 'CONFIRMED COMMITS', 'COULD BE LOST'],
    candidates.map(({ name, lsn, behindBytes, isSynchronous, risk }) => [
      name,
      lsn ?? '-',
      behindBytes === null ? '-' : bytes(behindBytes),
      isSynchronous ? 'yes' : 'no',
      risk ?? 'nothing',
    ]),
  );
  return `${head}${list}`;
}
