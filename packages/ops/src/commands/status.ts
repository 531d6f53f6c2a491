import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { observeCluster } from '../operations/status/observe.ts';
import { type ClusterStatus, statusOf } from '../operations/status/status.ts';
import { answer, type CommandContext } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { renderStatus } from './status-report.ts';

interface StatusOptions extends PlaceOptions {
  watch?: boolean;
  json?: boolean;
}

/** Between the end of one look and the beginning of the next. */
const watchEveryMs = 2_000;
/** Moves to the upper left and clears what is below (ECMA-48). */
const clearScreen = '\u001b[H\u001b[J';

/** `pgha status`: everything about a cluster at a glance, and what needs a person. */
export function registerStatus(program: Command, context: CommandContext): void {
  withPlace(program.command('status'), context)
    .summary('members, replication, etcd, routers, pools, backups, restore tests, certificates, disks')
    .description(
      'Asks every machine about itself and shows the whole. Ends with 1 when something needs a person, which it names with ' +
        'the first thing to do; the bounds are those of the alerts.',
    )
    .option('-w, --watch', 'go on until it is stopped')
    .option('--json', 'print JSON, with --watch an object a line')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha status\n  pgha status --watch --lab\n  pgha status --json | jq .findings',
    )
    .action((options: StatusOptions) =>
      withInstallation(context, options, async (installation) => {
        const look = async (): Promise<ClusterStatus> => statusOf(await observeCluster(installation));
        if (options.watch !== true) {
          const status = await look();
          answer(context, options, status, renderStatus);
          if (status.findings.length > 0) context.exit(exitCodes.failed);
          return;
        }
        while (!context.signal.aborted) {
          const status = await look();
          if (options.json !== true && process.stdout.isTTY) context.print(clearScreen);
          answer(context, options, status, renderStatus);
          await delay(watchEveryMs, undefined, { signal: context.signal }).catch(() => undefined);
        }
      }),
    );
}
