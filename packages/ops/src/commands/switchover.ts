import type { Command } from 'commander';
import { RefusedError } from '../exit-codes.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { chooseCandidate, planSwitchover } from '../operations/switchover.ts';
import { findAllWriters, refuseHiddenPrimary } from '../operations/writers.ts';
import { answer, type CommandContext, dryRun } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface SwitchoverOptions extends PlaceOptions {
  to?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha switchover`: another member becomes the primary, on purpose. */
export function registerSwitchover(program: Command, context: CommandContext): void {
  withPlace(program.command('switchover'), context)
    .summary('switch over to another member (planned)')
    .description(
      'Switches over to another member of the same region while the cluster is healthy. Clients of the HTTP services and of PgBouncer ' +
        '(6432) wait a second or two and get no error; sessions on 5432 and 5433 are closed and must reconnect.',
    )
    .option('--to <member>', 'member to promote (default: a synchronous standby)')
    .option(...dryRun)
    .option('--json', 'print the former and the new primary as JSON')
    .addHelpText('after', '\nExamples:\n  pgha switchover\n  pgha switchover --to pg-2 --lab')
    .action((options: SwitchoverOptions) =>
      withInstallation(context, options, async (installation) => {
        const [views, writers] = await Promise.all([viewRegions(installation), findAllWriters(installation)]);
        refuseHiddenPrimary(views, writers);
        const { region, members } = actingRegion(installation.cluster, views);
        if (members === null)
          throw new RefusedError(`no member of ${region.awsRegion} responds. Check the nodes: pgha status`);
        const setting = { installation, region, signal: installation.signal };
        if (options.dryRun === true) {
          return context.print(describeSteps(planSwitchover(setting, members, options.to ?? chooseCandidate(members))));
        }
        const doing = options.to === undefined ? 'switchover' : `switchover --to ${options.to}`;
        const handed = await runOperation(installation, region, doing, async ({ memory, signal }) => {
          const to = await memory.choose('to', () => options.to ?? chooseCandidate(members));
          const from = members.find(({ isLeader }) => isLeader)?.name ?? null;
          await showSteps(planSwitchover({ ...setting, signal }, members, to));
          return { from, to };
        });
        answer(context, options, handed, ({ from, to }) => `switched over from ${from} to ${to}\n`);
      }),
    );
}
