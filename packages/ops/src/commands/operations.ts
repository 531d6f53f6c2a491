import type { Command } from 'commander';
import { etcdOn } from '../clients/etcd.ts';
import { hostsOf } from '../installation/installation.ts';
import { type AuditEntry, readAudit } from '../operations/audit.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { readUnfinished, type Unfinished, unfinishedKey } from '../operations/unfinished.ts';
import { answer, type CommandContext, table } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';

interface OperationsOptions extends PlaceOptions {
  json?: boolean;
}

interface Listing {
  unfinished: Unfinished | null;
  runs: readonly AuditEntry[];
}

/** `pgha operations …`: who did what to this cluster, and what was cut off. */
export function registerOperations(program: Command, context: CommandContext): void {
  const operations = program
    .command('operations')
    .summary('who did what to this cluster, and what was cut off')
    .addHelpText('after', '\nExamples:\n  pgha operations list\n  pgha operations forget --lab');
  const verb = (name: string, summary: string) =>
    withPlace(operations.command(name).summary(summary).description(summary), context).option('--json', 'print JSON');
  const withEtcd = <T>(
    options: OperationsOptions,
    work: (etcd: ReturnType<typeof etcdOn>, hosts: ReturnType<typeof hostsOf>) => Promise<T>,
  ) =>
    withInstallation(context, options, async (installation) => {
      const { region } = actingRegion(installation.cluster, await viewRegions(installation));
      const hosts = hostsOf(installation, region, 'etcd');
      return work(etcdOn(hosts), hosts);
    });

  verb('list', "the audit lines of the acting region's journals, and the operation that was cut off").action(
    (options: OperationsOptions) =>
      withEtcd(options, async (etcd, hosts) => {
        const listing = { unfinished: (await readUnfinished(etcd))?.value ?? null, runs: await readAudit(hosts) };
        answer(context, options, listing, renderListing);
      }),
  );
  verb('forget', 'set an operation aside that was cut off; what it did stays as it is').action(
    (options: OperationsOptions) =>
      withEtcd(options, async (etcd) => {
        const there = await readUnfinished(etcd);
        if (there !== null) await etcd.remove(unfinishedKey, there.revision);
        const forgotten = there?.value ?? null;
        answer(context, options, forgotten, (value) =>
          value === null
            ? 'nothing was cut off\n'
            : `set aside: pgha ${value.doing} (${value.operator}, ${value.since})\n`,
        );
      }),
  );
}

function renderListing({ unfinished, runs }: Listing): string {
  const list = table(
    ['WHEN', 'WHO', 'RESULT', 'WHAT'],
    runs.map(({ at, operator, result, doing, detail }) => [
      at,
      operator,
      result,
      `pgha ${doing}${detail === undefined ? '' : `: ${detail}`}`,
    ]),
  );
  return unfinished === null
    ? list
    : `${list}\nCut off: pgha ${unfinished.doing} (${unfinished.operator}, ${unfinished.since})\n`;
}
