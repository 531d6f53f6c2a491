import type { Region } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { RefusedError } from '../exit-codes.ts';
import { hostsOf, type Installation } from '../installation/installation.ts';
import { type AuditEntry, readAudit } from '../operations/audit.ts';
import { forgetOperation, readWork, type Work } from '../operations/forget.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import type { Unfinished } from '../operations/unfinished.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, examples, table } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';

interface OperationsOptions extends PlaceOptions {
  yes?: boolean;
  json?: boolean;
}

export interface Listing extends Work {
  runs: readonly AuditEntry[];
}

/** `pgha operations …`: who did what to this cluster, and what was cut off. */
export function registerOperations(program: Command, context: CommandContext): void {
  const operations = program
    .command('operations')
    .summary('who did what to this cluster, and what was cut off')
    .addHelpText('after', '\nExamples:\n  pgha operations list\n  pgha operations forget --lab');
  const verb = (name: string, summary: string, description = summary) =>
    withPlace(operations.command(name).summary(summary).description(description), context).option(
      '--json',
      'print JSON',
    );
  const inActing = <T>(options: OperationsOptions, work: (installation: Installation, region: Region) => Promise<T>) =>
    withInstallation(context, options, async (installation) => {
      const { region } = actingRegion(installation.cluster, await viewRegions(installation));
      return work(installation, region);
    });

  verb(
    'list',
    'who did what, who is at work, and what was cut off',
    "Shows the audit lines of the acting region's journals, the operation that is at work now, and the one that was cut off.",
  )
    .addHelpText(...examples('operations list', 'operations list --json --lab'))
    .action((options: OperationsOptions) =>
      inActing(options, async (installation, region) => {
        const work = await readWork(installation, region);
        const runs = await readAudit(hostsOf(installation, region, 'etcd'));
        answer(context, options, { ...work, runs }, renderListing);
      }),
    );
  verb(
    'forget',
    'set an operation aside that was cut off; what it did stays as it is',
    'Forgets what an operation decided before it was cut off, so that others may begin: it can then not go on where it stopped, ' +
      'and half of it may be in force. Running it again is nearly always better. Refused while an operation is at work.',
  )
    .option('--yes', 'do not ask')
    .addHelpText(...examples('operations forget', 'operations forget --yes --lab'))
    .action((options: OperationsOptions) =>
      inActing(options, async (installation, region) => {
        const { atWork, cutOff } = await readWork(installation, region);
        if (atWork !== null)
          throw new RefusedError(`${describe(atWork)} is at work, and would lose what it goes on with`);
        if (cutOff !== null) {
          await askConsent(question(cutOff), options.yes === true);
          await forgetOperation(installation, region, cutOff);
        }
        answer(context, options, cutOff, (value) =>
          value === null ? 'nothing was cut off\n' : `set aside: ${describe(value)}\n`,
        );
      }),
    );
}

function question(cutOff: Unfinished): string {
  return (
    `Set ${describe(cutOff)} aside? What it decided (${Object.keys(cutOff.choices).join(', ')}) is lost, so that it cannot go on ` +
    'where it stopped; what it has done stays half done.'
  );
}

const describe = ({ doing, operator, since }: Pick<Unfinished, 'doing' | 'operator' | 'since'>) =>
  `pgha ${doing} (${operator}, ${since})`;

function renderListing({ atWork, cutOff, runs }: Listing): string {
  const list = table(
    ['WHEN', 'WHO', 'RESULT', 'WHAT'],
    runs.map(({ at, operator, result, doing, detail }) => [
      at,
      operator,
      result,
      `pgha ${doing}${detail === undefined ? '' : `: ${detail}`}`,
    ]),
  );
  const now = [
    ...(atWork === null ? [] : [`At work: ${describe(atWork)}, process ${atWork.pid} on ${atWork.computer}\n`]),
    ...(cutOff === null ? [] : [`Cut off: ${describe(cutOff)}\n`]),
  ];
  return now.length === 0 ? list : `${list}\n${now.join('')}`;
}
