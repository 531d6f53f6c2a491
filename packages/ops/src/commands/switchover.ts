import type { Command } from 'commander';
import { RefusedError } from '../exit-codes.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { chooseCandidate, planSwitchover } from '../operations/switchover.ts';
import { findAllWriters, refuseHiddenPrimary } from '../operations/writers.ts';
import { answer, type CommandContext } from './command.ts';
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
    .summary('make another member the primary')
    .description(
      'Hands the primary over to another member of its region while all is well. Clients of the HTTP services and of 6432 wait a ' +
        'second or two and get no error; sessions on 5432 and 5433 are cut and have to connect again.',
    )
    .option('--to <member>', 'who takes over; without it a member that confirms commits')
    .option('--dry-run', 'print the steps; nothing is changed')
    .option('--json', 'print who handed over to whom as JSON')
    .addHelpText('after', '\nExamples:\n  pgha switchover\n  pgha switchover --to pg-2 --lab')
    .action((options: SwitchoverOptions) =>
      withInstallation(context, options, async (installation) => {
        const [views, writers] = await Promise.all([viewRegions(installation), findAllWriters(installation)]);
        refuseHiddenPrimary(views, writers);
        const { region, members } = actingRegion(installation.cluster, views);
        if (members === null) throw new RefusedError(`no member of ${region.awsRegion} can be asked`);
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
        answer(context, options, handed, ({ from, to }) => `${from} handed over to ${to}\n`);
      }),
    );
}
