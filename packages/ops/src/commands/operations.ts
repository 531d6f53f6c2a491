import type { Region } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { RefusedError } from '../exit-codes.ts';
import { hostsOf, type Installation } from '../installation/installation.ts';
import { type AuditEntry, readAudit } from '../operations/engine/audit.ts';
import type { Unfinished } from '../operations/engine/record.ts';
import { forgetOperation, readWork, type Work } from '../operations/forget.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, examples, table, yes } from './command.ts';
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
    .summary('show running, interrupted and past operations')
    .description('Lists the operations on this cluster, and discards an interrupted one.')
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
    'list past operations, the running one and the interrupted one',
    'Shows the audit log of the active region, the operation in progress, and the interrupted operation.',
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
    'discard an interrupted operation; its changes are not rolled back',
    'Discards the record of an interrupted operation, so that others can start: it can then not be resumed, and changes already made ' +
      'are not rolled back. Rerunning the operation is nearly always better. Refused while an operation is in progress.',
  )
    .option(...yes)
    .addHelpText(...examples('operations forget', 'operations forget --yes --lab'))
    .action((options: OperationsOptions) =>
      inActing(options, async (installation, region) => {
        const { atWork, cutOff } = await readWork(installation, region);
        if (atWork !== null)
          throw new RefusedError(`${describe(atWork)} is in progress. Wait until it finishes, or interrupt it first`);
        if (cutOff !== null) {
          await askConsent(question(cutOff), options.yes === true);
          await forgetOperation(installation, region, cutOff);
        }
        answer(context, options, cutOff, (value) =>
          value === null ? 'there is no interrupted operation\n' : `discarded: ${describe(value)}\n`,
        );
      }),
    );
}

function question(cutOff: Unfinished): string {
  return (
    `Discard ${describe(cutOff)}? Its recorded choices (${Object.keys(cutOff.choices).join(', ')}) are deleted, so it cannot be ` +
    'resumed; changes already made are not rolled back.'
  );
}

const describe = ({ doing, operator, since }: Pick<Unfinished, 'doing' | 'operator' | 'since'>) =>
  `pgha ${doing} (${operator}, ${since})`;

function renderListing({ atWork, cutOff, runs }: Listing): string {
  const list = table(
    ['TIME', 'OPERATOR', 'RESULT', 'OPERATION'],
    runs.map(({ at, operator, result, doing, detail }) => [
      at,
      operator,
      result,
      `pgha ${doing}${detail === undefined ? '' : `: ${detail}`}`,
    ]),
  );
  const now = [
    ...(atWork === null ? [] : [`In progress: ${describe(atWork)}, pid ${atWork.pid} on ${atWork.computer}\n`]),
    ...(cutOff === null ? [] : [`Interrupted: ${describe(cutOff)}\n`]),
  ];
  return now.length === 0 ? list : `${list}\n${now.join('')}`;
}
