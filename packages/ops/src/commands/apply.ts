import { allNodes } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { enterAll } from '../installation/installation.ts';
import { compareMachines, isDifferent, type MachineDifference, planApply } from '../operations/apply.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { showSteps } from './progress.ts';

interface ApplyOptions extends PlaceOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `pgha apply`: brings a changed cluster value, or changed renderers, to machines that run. */
export function registerApply(program: Command, context: CommandContext): void {
  withPlace(
    program
      .command('apply')
      .summary('bring a changed configuration to the running machines')
      .description(
        'Shows what differs, file by file, then changes one machine at a time: replicas first, primaries last.',
      ),
    context,
  )
    .option('--dry-run', 'show the differences and change nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'print the differences as JSON')
    .addHelpText('after', '\nExamples:\n  pgha apply --dry-run\n  pgha apply --lab --yes')
    .action((options: ApplyOptions) =>
      withInstallation(context, options, async (installation) => {
        const { cluster } = installation;
        const machines = enterAll(installation, allNodes(cluster));
        const differences = (await compareMachines(cluster, machines)).filter(isDifferent);
        answer(context, options, differences, renderDifferences);
        if (differences.length === 0 || options.dryRun === true) return;
        await askConsent(`Change ${differences.map(({ machine }) => machine).join(', ')}?`, options.yes === true);
        const { region } = actingRegion(cluster, await viewRegions(installation));
        await runOperation(installation, region, 'apply', async ({ signal }) =>
          showSteps(await planApply(cluster, machines, differences, signal)),
        );
      }),
    );
}

function renderDifferences(differences: readonly MachineDifference[]): string {
  if (differences.length === 0) return 'every machine is what the configuration says\n';
  return differences
    .map(({ machine, packages, files, removed, actions, units }) => {
      const lines = [
        ...packages.map((name) => `  install ${name}`),
        ...removed.map((path) => `  remove ${path}`),
        ...Object.entries(actions).map(([unit, action]) => `  ${action} ${unit}`),
        ...units.map((unit) => `  settle ${unit}`),
      ];
      return `${machine}\n${lines.map((line) => `${line}\n`).join('')}${files.map(({ diff }) => diff).join('')}`;
    })
    .join('\n');
}
