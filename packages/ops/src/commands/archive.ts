import type { Command } from 'commander';
import { UsageError } from '../exit-codes.ts';
import type { Installation } from '../installation/installation.ts';
import { observeAttach, planAttach } from '../operations/archive/attach.ts';
import { type DetachSetting, planDetach } from '../operations/archive/detach.ts';
import { regionOfRepository } from '../operations/archive/record.ts';
import { type ArchiveStatus, readArchiveStatus } from '../operations/archive/status.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { secretsSetting } from '../operations/secrets/setting.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, dryRun, examples, json, table, yes } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface ArchiveOptions extends PlaceOptions {
  repo: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `pgha archive …`: which repositories the WAL goes into. */
export function registerArchive(program: Command, context: CommandContext): void {
  const archive = program
    .command('archive')
    .summary('show WAL archiving; detach or reattach a backup repository')
    .description(
      'pg_wal is not recycled until the WAL is archived to every repository: detach a repository that is unavailable before the disk fills.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  pgha archive status\n  pgha archive detach --repo 2 --yes\n  pgha archive attach --repo 2 --lab',
    );
  const verb = (name: string, summary: string, description: string) =>
    withPlace(archive.command(name).summary(summary).description(description), context).option(...json);
  const changing = (name: string, summary: string, description: string) =>
    verb(name, summary, description)
      .requiredOption('--repo <number>', 'backup repository: 1 is in the primary region, 2 in the DR region')
      .option(...dryRun);

  verb(
    'status',
    'show the state of each repository and the WAL archive backlog',
    'Shows which repositories are attached, the last WAL segment of each, and the times they cannot restore.',
  )
    .addHelpText(...examples('archive status', 'archive status --json'))
    .action((options: ArchiveOptions) =>
      withInstallation(context, options, async (installation) => {
        answer(context, options, await readArchiveStatus(secretsSetting(installation, [])), renderStatus);
      }),
    );
  changing(
    'detach',
    'stop archiving to a repository',
    'For an outage of a region: stops archiving to its repository on every node, so that the primary no longer retains WAL for it. ' +
      'Archiving to the other repository continues.',
  )
    .option(...yes)
    .addHelpText(...examples('archive detach --repo 2 --dry-run', 'archive detach --repo 2 --yes'))
    .action((options: ArchiveOptions) =>
      withInstallation(context, options, async (installation) => {
        const repository = repositoryOf(options);
        const { awsRegion } = regionOfRepository(installation.cluster, repository);
        const notes: string[] = [];
        const plan = (signal: AbortSignal, since: string) =>
          planDetach(detachSetting(installation, notes, signal), repository, since);
        const now = new Date().toISOString();
        const steps = plan(installation.signal, now);
        if (options.dryRun === true) return context.print(describeSteps(steps));
        await askConsent(
          `Detach repository ${repository} (${awsRegion})? It cannot restore to any time from now on until it is attached again and ` +
            'has a new full backup.',
          options.yes === true,
        );
        const { region } = actingRegion(installation.cluster, await viewRegions(installation));
        await runOperation(installation, region, `archive detach --repo ${repository}`, async ({ memory, signal }) =>
          showSteps(plan(signal, await memory.choose('since', () => now))),
        );
        answer(context, options, { detached: repository, notes }, (done) =>
          renderDone(`repository ${repository} is detached`, done),
        );
      }),
    );
  changing(
    'attach',
    'resume archiving to a detached repository',
    'Resumes archiving to the repository on every node and takes a full backup, because its archive has a gap: until that backup ' +
      'completes, the repository cannot restore to any time after it was detached.',
  )
    .addHelpText(...examples('archive attach --repo 2 --dry-run', 'archive attach --repo 2'))
    .action((options: ArchiveOptions) =>
      withInstallation(context, options, async (installation) => {
        const repository = repositoryOf(options);
        const notes: string[] = [];
        const look = secretsSetting(installation, notes);
        if (options.dryRun === true) {
          return context.print(describeSteps(planAttach(look, repository, await observeAttach(look, repository))));
        }
        const { region } = actingRegion(installation.cluster, await viewRegions(installation));
        await runOperation(installation, region, `archive attach --repo ${repository}`, async ({ memory, signal }) => {
          const seen = memory.recall('fulls') ?? (await observeAttach(look, repository)).join(' ');
          const known = (await memory.choose('fulls', () => seen)).split(' ');
          await showSteps(planAttach(secretsSetting(installation, notes, signal), repository, known));
        });
        answer(context, options, { attached: repository, notes }, (done) =>
          renderDone(`repository ${repository} is attached and has a full backup`, done),
        );
      }),
    );
}

function detachSetting(installation: Installation, notes: string[], signal: AbortSignal): DetachSetting {
  return { ...secretsSetting(installation, notes, signal), storeOf: (region) => installation.secrets([region]) };
}

function repositoryOf({ repo }: ArchiveOptions): number {
  const repository = Number(repo);
  if (!Number.isInteger(repository)) throw new UsageError(`--repo "${repo}" is not a number. Use 1 or 2`);
  return repository;
}

function renderStatus({ waiting, repositories }: ArchiveStatus): string {
  const list = table(
    ['REPOSITORY', 'REGION', 'STATE', 'SINCE', 'LAST FULL BACKUP', 'LAST ARCHIVED WAL', 'GAPS'],
    repositories.map((each) => [
      `${each.repository}`,
      each.region,
      each.problem === null ? each.state : `${each.state}, unreachable`,
      each.since?.slice(0, 19) ?? '-',
      each.lastFullAt?.slice(0, 19) ?? '-',
      each.archivedUpTo ?? '-',
      [
        ...(each.since === null ? [] : [`since ${each.since}`]),
        ...each.gaps.map(({ from, to }) => `${from} to ${to}`),
      ].join(', ') || '-',
    ]),
  );
  return `${list}WAL archive backlog: ${waiting ?? 'an unknown number of'} segments pending on the primary\n`;
}

function renderDone(line: string, { notes }: { notes: readonly string[] }): string {
  return `${line}\n${notes.map((note) => `! ${note}\n`).join('')}`;
}
