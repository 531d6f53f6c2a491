import type { Command } from 'commander';
import { chooseFailover, type FailoverView, planFailover, viewFailover } from '../operations/failover.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { findAllWriters, refuseHiddenPrimary } from '../operations/writers.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, table, yes } from './command.ts';
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

/** `pgha failover`: an operator decides where Patroni must not. */
export function registerFailover(program: Command, context: CommandContext): void {
  withPlace(program.command('failover'), context)
    .summary('promote a member by hand when automatic failover cannot')
    .description(
      'For when there is no primary and Patroni does not promote a member because it could lack acknowledged commits. Shows the LSN ' +
        'each member has received and what promoting it could lose. Recovering a failed member is always the better way.',
    )
    .option(
      '--to <member>',
      'member to promote (default: one that has every acknowledged commit, else the most advanced)',
    )
    .option('--accept-data-loss', 'promote even if acknowledged commits may be lost')
    .option('--dry-run', 'print the candidates and the plan without changing anything')
    .option(...yes)
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
          if (candidate === view.leader) {
            // an interrupted failover is resumed by the same command; there is no step left that promotes
            return context.print(
              `No failover needed: ${candidate} is the primary. Use "pgha switchover" for a planned change of primary.\n`,
            );
          }
          const needed = risk === null || accepts ? '' : `Requires --accept-data-loss: ${risk}.\n`;
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
      ? `There is no primary. ${lostPrimary ?? 'The former primary'} last reported LSN ${lastKnownLsn ?? 'unknown'} to etcd, up to a few seconds before it failed.\n`
      : `${leader} is the primary (leader).\n`;
  const list = table(
    ['MEMBER', 'RECEIVED LSN', 'LAG', 'SYNCHRONOUS', 'POSSIBLE LOSS'],
    candidates.map(({ name, lsn, behindBytes, isSynchronous, risk }) => [
      name,
      lsn ?? '-',
      behindBytes === null ? '-' : bytes(behindBytes),
      isSynchronous ? 'yes' : 'no',
      risk ?? 'none',
    ]),
  );
  return `${head}${list}`;
}
