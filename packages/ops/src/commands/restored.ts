import { nodeNamed } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { memberRestore } from '../clients/restore-in-place.ts';
import { type CopiedTable, copyTable, dropScratch } from '../clients/scratch.ts';
import { RefusedError, UsageError } from '../exit-codes.ts';
import type { Installation } from '../installation/installation.ts';
import { runBesides } from '../operations/operation.ts';
import { findActing } from '../operations/restore/acting.ts';
import { findKept, type KeptData } from '../operations/restore/kept.ts';
import { findScratches, type PlacedScratch } from '../operations/restore/scratch.ts';
import { showTable, tableNamed } from '../operations/restore/table-name.ts';
import type { Step } from '../step.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, dryRun, json, table, yes } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';
import { age, bytes } from './units.ts';

interface RestoredOptions extends PlaceOptions {
  table?: string;
  /** commander's name of --no-owner */
  owner?: boolean;
  skipForeignKeys?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

const keptNames = {
  region: 'data of a former active region',
  restore: 'data from before an in-place restore',
} satisfies Record<KeptData['of'], string>;

export interface Restored {
  scratches: readonly PlacedScratch[];
  kept: readonly KeptData[];
}

/** What restores have left: `pgha restore list | copy | drop`. */
export function registerRestored(restore: Command, context: CommandContext): void {
  const find = async (installation: Installation): Promise<Restored> => {
    const [scratches, kept] = await Promise.all([findScratches(installation), findKept(installation)]);
    return { scratches, kept };
  };
  withPlace(restore.command('list'), context)
    .summary('list scratch servers and retained data directories')
    .description(
      'Lists the scratch servers with their state, and the data directories that were retained by in-place restores and when a ' +
        'former active region rejoined.',
    )
    .option(...json)
    .addHelpText('after', '\nExample:\n  pgha restore list')
    .action((options: RestoredOptions) =>
      withInstallation(context, options, async (installation) =>
        answer(context, options, await find(installation), renderRestored),
      ),
    );
  withPlace(restore.command('copy'), context)
    .summary('copy a table from a scratch server to the primary')
    .description(
      'Copies one table with its partitions and inheritance children and all that belongs to them from a scratch server into the ' +
        'primary, in one transaction: rows, sequences, indexes, constraints, triggers, policies, owners and grants. The rows are counted ' +
        'and compared in the primary before the transaction commits. The primary must not have a table of this name: move it to another ' +
        'schema first. Exits with status 1, having changed nothing, if the table cannot be copied completely.',
    )
    .argument('<name>', 'name of the scratch server')
    .requiredOption('--table <table>', 'the table, as in SQL: \'sales."Order Items"\' (default schema: public)')
    .option('--no-owner', "make the application's owner the owner (default: the owner in the backup)")
    .option('--skip-foreign-keys', 'leave out the foreign keys of the table itself (default: copy them)')
    .option(...dryRun)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  pgha restore copy at-20250115t143000-repo1 --table items')
    .action((name: string, options: RestoredOptions & { table: string }) =>
      withInstallation(context, options, async (installation) => {
        const scratch = (await findScratches(installation)).find((each) => each.name === name);
        if (scratch === undefined)
          throw new UsageError(`unknown scratch server "${name}". List them: pgha restore list`);
        if (scratch.phase !== 'ready')
          throw new RefusedError(`scratch server ${name} is not ready: ${scratch.phase}. Check it: pgha restore list`);
        const wanted = tableNamed(options.table);
        const { region } = (await findActing(installation)).view;
        const host = installation.host(nodeNamed(installation.cluster, scratch.machine));
        const shown = showTable(wanted);
        const copied: CopiedTable[] = [];
        const step: Step = {
          title: `Copy ${shown} from ${name} on ${scratch.machine} to the primary of ${region.awsRegion}`,
          run: async () => {
            const what = {
              ...wanted,
              noOwner: options.owner === false,
              skipForeignKeys: options.skipForeignKeys === true,
            };
            copied.push(await copyTable(host, name, what));
          },
        };
        if (options.dryRun === true) return context.print(describeSteps([step]));
        await runBesides(installation, region, `restore copy ${name} --table ${shown}`, () => showSteps([step]));
        for (const each of copied) answer(context, options, each, renderCopied);
      }),
    );
  withPlace(restore.command('drop'), context)
    .summary('delete a scratch server or a retained data directory')
    .description(
      'Stops a scratch server and deletes its files, or deletes the data directories retained under this name on all nodes of both ' +
        'regions.',
    )
    .argument('<name>', 'name, as shown by "pgha restore list"')
    .option(...yes)
    .option(...dryRun)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  pgha restore drop at-20250115t143000-repo1')
    .action((name: string, options: RestoredOptions) =>
      withInstallation(context, options, async (installation) => {
        const { scratches, kept } = await find(installation);
        const hosts = (each: { machine: string }) => installation.host(nodeNamed(installation.cluster, each.machine));
        const servers = scratches.filter((each) => each.name === name);
        const directories = kept.filter((each) => each.id === name);
        if (servers.length + directories.length === 0) {
          throw new UsageError(`unknown name "${name}". List the names: pgha restore list`);
        }
        const steps: readonly Step[] = [
          ...servers.map((each) => ({
            title: `Delete the scratch server ${name} on ${each.machine} (${bytes(each.sizeBytes)})`,
            run: () => dropScratch(hosts(each), name),
          })),
          ...directories.map((each) => ({
            title: `Delete ${keptNames[each.of]} on ${each.machine} (${bytes(each.sizeBytes)})`,
            run: () => memberRestore(hosts(each)).drop(name),
          })),
        ];
        if (options.dryRun === true) return context.print(describeSteps(steps));
        if (directories.length > 0) {
          const machines = directories.map(({ machine }) => machine).join(', ');
          const names = [...new Set(directories.map((each) => keptNames[each.of]))].join(' and ');
          await askConsent(`Delete ${names} on ${machines}? There is no other copy.`, options.yes === true);
        }
        const { region } = (await findActing(installation)).view;
        await runBesides(installation, region, `restore drop ${name}`, () => showSteps(steps));
        const freedBytes = [...servers, ...directories].reduce((sum, each) => sum + each.sizeBytes, 0);
        answer(
          context,
          options,
          { name, freedBytes },
          (freed) => `deleted ${freed.name}, ${bytes(freed.freedBytes)} freed\n`,
        );
      }),
    );
}

function renderCopied({ table: name, rows, tables, notes }: CopiedTable): string {
  const parts = tables.length > 1 ? tables.map((each) => `  ${each.table}: ${each.rows} rows\n`) : [];
  return [`${name}: ${rows} rows\n`, ...parts, ...notes.map((note) => `note: ${note}\n`)].join('');
}

function renderRestored({ scratches, kept }: Restored): string {
  if (scratches.length + kept.length === 0) return 'no scratch servers and no retained data directories\n';
  const since = (moment: Date) => age((Date.now() - moment.getTime()) / 1_000);
  return table(
    ['NAME', 'NODE', 'STATE', 'SIZE', 'AGE', 'CONTENT'],
    [
      ...scratches.map(({ name, machine, phase, problem, sizeBytes, createdAt, spec }) => [
        name,
        machine,
        phase,
        bytes(sizeBytes),
        since(createdAt),
        problem ?? `${spec.target} from repository ${spec.repository}`,
      ]),
      ...kept.map(({ id, of, machine, sizeBytes, createdAt }) => [
        id,
        machine,
        'retained',
        bytes(sizeBytes),
        since(createdAt),
        keptNames[of],
      ]),
    ],
  );
}
