import { membersOf } from '@pgha/infra/cluster';
import { type Command, Option } from 'commander';
import { type Backup, readRepository } from '../clients/pgbackrest.ts';
import type { RestoreTestResult } from '../clients/restore-test.ts';
import { exitCodes } from '../exit-codes.ts';
import { planBackups } from '../operations/backup/create.ts';
import { listBackups } from '../operations/backup/listing.ts';
import { planRestoreTest } from '../operations/backup/restore-test.ts';
import { planVerification, type Verification } from '../operations/backup/verify.ts';
import { runBesides } from '../operations/operation.ts';
import { findActing, repositoriesOf, requireLeader } from '../operations/restore/acting.ts';
import { chooseBeside } from '../operations/restore/beside.ts';
import { renderListing, renderTest, renderVerification } from './backup-report.ts';
import { answer, type CommandContext, dryRun, json } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface BackupOptions extends PlaceOptions {
  repo?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha backup …`: backups, what there is of them, and whether they are any good. */
export function registerBackup(program: Command, context: CommandContext): void {
  const backup = program
    .command('backup')
    .summary('create, list and verify backups')
    .description('Creates, lists and verifies pgBackRest backups.')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha backup create --type diff\n  pgha backup list --json\n  pgha backup verify --restore --repo 2',
    );
  registerCreate(backup, context);
  registerList(backup, context);
  registerVerify(backup, context);
}

const withRepository = (command: Command) =>
  command.addOption(new Option('--repo <number>', 'use only this repository (default: all)').choices(['1', '2']));

function registerCreate(backup: Command, context: CommandContext): void {
  withRepository(withPlace(backup.command('create'), context))
    .summary('create a backup now')
    .description(
      'Backs up the primary to every repository, one after the other, as the scheduled backups do. The backup continues if this ' +
        'command is interrupted; running the command again waits for it.',
    )
    .addOption(
      new Option(
        '--type <type>',
        'backup type: full, diff (changes since the last full) or incr (changes since the last backup)',
      )
        .choices(['full', 'diff', 'incr'])
        .default('full'),
    )
    .option(...dryRun)
    .option('--json', 'print the backups as JSON')
    .addHelpText('after', '\nExamples:\n  pgha backup create\n  pgha backup create --type incr --repo 2 --lab')
    .action((options: BackupOptions & { type: Backup['type'] }) =>
      withInstallation(context, options, async (installation) => {
        const { scope } = installation.cluster;
        const acting = await findActing(installation);
        const repositories = repositoriesOf(installation.cluster, options.repo);
        const taken: { repository: number; backup: Backup }[] = [];
        const steps = planBackups(
          requireLeader(acting),
          scope,
          { type: options.type, repositories },
          (each, repository) => taken.push({ repository, backup: each }),
          installation.signal,
        );
        if (options.dryRun === true) return context.print(describeSteps(steps));
        const doing = `backup create --type ${options.type}${options.repo === undefined ? '' : ` --repo ${options.repo}`}`;
        await runBesides(installation, acting.view.region, doing, () => showSteps(steps));
        answer(context, options, taken, (all) =>
          all.map(({ repository, backup: each }) => `repository ${repository}: ${each.label}\n`).join(''),
        );
      }),
    );
}

function registerList(backup: Command, context: CommandContext): void {
  withPlace(backup.command('list'), context)
    .summary("list each repository's backups and its recovery window")
    .description(
      'Lists the backups of each repository with age, size and WAL range, and the window within which any point in time can be restored.',
    )
    .option(...json)
    .addHelpText('after', '\nExamples:\n  pgha backup list\n  pgha backup list --json | jq ".[].window"')
    .action((options: BackupOptions) =>
      withInstallation(context, options, async (installation) => {
        const acting = await findActing(installation);
        const listing = await listBackups(installation.cluster, acting.reader);
        answer(context, options, listing, renderListing);
        if (listing.some(({ backups }) => backups === null || backups.length === 0)) context.exit(exitCodes.failed);
      }),
    );
}

function registerVerify(backup: Command, context: CommandContext): void {
  withRepository(withPlace(backup.command('verify'), context))
    .summary('check that every backup and WAL segment is complete and readable')
    .description(
      'Verifies WAL archiving to each repository, reads every file in it, and lists what is corrupt or missing. With --restore, also ' +
        'restores the newest backup and the WAL after it on a replica and compares every table with the primary. Exits with status 1 ' +
        'if anything is wrong.',
    )
    .option('--restore', 'also restore the newest backup and compare every table')
    .option('--on <node>', 'node to restore on (default: a replica with enough free disk space)')
    .option('--dry-run', 'print the plan without reading anything')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExamples:\n  pgha backup verify\n  pgha backup verify --restore --repo 1 --lab')
    .action((options: BackupOptions & { restore?: boolean; on?: string }) =>
      withInstallation(context, options, async (installation) => {
        const { cluster, signal } = installation;
        const acting = await findActing(installation);
        const repositories = repositoriesOf(cluster, options.repo);
        const verifications: Verification[] = [];
        const tests: RestoreTestResult[] = [];
        const machines = { primary: requireLeader(acting), reader: acting.reader };
        const steps = repositories.flatMap((repository) =>
          planVerification(machines, repository, (each) => verifications.push(each), signal),
        );
        if (options.restore === true) {
          for (const repository of repositories) {
            // of one that cannot be read the verification says so
            const read = await readRepository(machines.reader, cluster.scope, repository).catch(() => null);
            const newest = read?.backups.at(-1);
            if (newest === undefined) continue;
            // the other region may not log in to the primary as the tables' owner
            const nodes = membersOf(acting.view.region);
            const beside = await chooseBeside(installation, acting.view, nodes, newest.sizeBytes, options.on ?? null);
            steps.push(planRestoreTest(beside, repository, (each) => tests.push(each), signal));
          }
        }
        if (options.dryRun === true) return context.print(describeSteps(steps));
        const doing = `backup verify${options.restore === true ? ' --restore' : ''}`;
        await runBesides(installation, acting.view.region, doing, () => showSteps(steps));
        answer(context, options, { repositories: verifications, restoreTests: tests }, (found) =>
          [...found.repositories.map(renderVerification), ...found.restoreTests.map(renderTest)].join(''),
        );
        const isWhole = verifications.every(({ damages, problem }) => damages.length === 0 && problem === null);
        if (!isWhole || tests.some(({ ok }) => !ok)) context.exit(exitCodes.failed);
      }),
    );
}
