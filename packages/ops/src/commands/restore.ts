import { type Command, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { parseMoment } from '../operations/restore/target.ts';
import { type CommandContext, dryRun, yes } from './command.ts';
import { withPlace } from './place.ts';
import { restoreInPlace } from './restore-in-place.ts';
import { restoreIntoScratch } from './restore-into-scratch.ts';
import type { RestoreOptions } from './restore-options.ts';
import { registerRestored } from './restored.ts';

/** `pgha restore …`: point-in-time recovery, into a scratch server or in place. */
export function registerRestore(program: Command, context: CommandContext): void {
  const restore = withPlace(program.command('restore'), context)
    .summary('restore to a point in time (PITR): one table or the whole cluster')
    .description(
      'Restores a backup and replays WAL up to a point in time. By default into a scratch server on a replica, which does not affect the ' +
        'cluster: query it, copy a table back, drop it. With --into in-place the whole cluster is restored and all later changes are ' +
        'discarded; the previous data directories are retained on its nodes.',
    )
    .argument('[time]', 'ISO 8601 with a UTC offset, for example 2025-01-15T14:30:00+00:00')
    .addOption(
      new Option('--into <place>', 'restore target: a scratch server, or the cluster itself')
        .choices(['scratch', 'in-place'])
        .default('scratch'),
    )
    .addOption(
      new Option('--repo <number>', 'restore from this repository (default: one that can)').choices(['1', '2']),
    )
    .option('--on <node>', 'node for the scratch server (default: a replica with enough free disk space)')
    .option('--without-standby', 'in place: do not restore the standby region')
    .option(...dryRun)
    .option(...yes)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha restore 2025-01-15T14:30:00+00:00\n  pgha restore list\n' +
        '  pgha restore copy at-20250115t143000-repo1 --table items\n  pgha restore drop at-20250115t143000-repo1\n' +
        '  pgha restore 2025-01-15T14:30:00Z --into in-place --dry-run',
    )
    .action((time: string | undefined, options: RestoreOptions) => {
      if (time === undefined) throw new UsageError('missing argument: time, for example 2025-01-15T14:30:00+00:00');
      const moment = parseMoment(time);
      return options.into === 'in-place'
        ? restoreInPlace(context, moment, options)
        : restoreIntoScratch(context, moment, options);
    });
  registerRestored(restore, context);
}
