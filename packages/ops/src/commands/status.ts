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

/** `pgha status`: everything about a cluster at a glance, and its open issues. */
export function registerStatus(program: Command, context: CommandContext): void {
  withPlace(program.command('status'), context)
    .summary('show cluster health, replication, backups and open issues')
    .description(
      'Queries every node and shows members, replication, etcd, HAProxy, PgBouncer, backups, certificates and disks, then the open ' +
        'issues with the first command to run for each. The thresholds are those of the alerts. Exits with status 1 if there are issues.',
    )
    .option('-w, --watch', 'refresh until interrupted')
    .option('--json', 'print the result as JSON, with --watch one object per line')
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
