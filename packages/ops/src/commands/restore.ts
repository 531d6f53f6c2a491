import { type Command, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { parseMoment } from '../operations/restore/target.ts';
import type { CommandContext } from './command.ts';
import { withPlace } from './place.ts';
import { restoreInPlace } from './restore-in-place.ts';
import { restoreIntoScratch } from './restore-into-scratch.ts';
import type { RestoreOptions } from './restore-options.ts';
import { registerRestored } from './restored.ts';

/** `pgha restore …`: what was there at a moment, beside the cluster or in its place. */
export function registerRestore(program: Command, context: CommandContext): void {
  const restore = withPlace(program.command('restore'), context)
    .summary('bring back what was there at a second')
    .description(
      'Restores a backup and the WAL behind it up to a moment. Into a scratch server beside a replica, which costs nothing: look, ' +
        'copy a table back, drop it. Or in place: the whole cluster goes back, and everything since then is lost to it; the data of ' +
        'before is kept on its machines.',
    )
    .argument('[time]', 'ISO 8601 with an offset, for example 2025-01-15T14:30:00+00:00')
    .addOption(
      new Option('--into <place>', 'a server of its own, or the cluster itself')
        .choices(['scratch', 'in-place'])
        .default('scratch'),
    )
    .addOption(new Option('--repo <number>', 'restore from this repository').choices(['1', '2']))
    .option('--on <machine>', 'where the scratch server is made; without it beside a replica with room')
    .option('--without-standby', 'in place: leave the standby region as it is')
    .option('--dry-run', 'print the steps; nothing is changed')
    .option('--yes', 'do not ask')
    .option('--json', 'print what was restored as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha restore 2025-01-15T14:30:00+00:00\n  pgha restore list\n' +
        '  pgha restore copy at-20250115t143000-repo1 --table items\n  pgha restore drop at-20250115t143000-repo1\n' +
        '  pgha restore 2025-01-15T14:30:00Z --into in-place --dry-run',
    )
    .action((time: string | undefined, options: RestoreOptions) => {
      if (time === undefined) throw new UsageError('say which moment, for example 2025-01-15T14:30:00+00:00');
      const moment = parseMoment(time);
      return options.into === 'in-place'
        ? restoreInPlace(context, moment, options)
        : restoreIntoScratch(context, moment, options);
    });
  registerRestored(restore, context);
}
