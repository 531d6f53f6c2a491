import type { Command } from 'commander';
import { switchover } from '../operations/switchover.ts';
import { answer, type CommandContext, dryRun } from './command.ts';
import { operate } from './operate.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';

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
        const done = await operate(context, options, installation, switchover(options.to ?? null));
        if (done !== null) answer(context, options, done, ({ from, to }) => `switched over from ${from} to ${to}\n`);
      }),
    );
}
