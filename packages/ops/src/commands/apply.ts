import { allNodes } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { enterAll } from '../installation/installation.ts';
import { compareMachines, isDifferent, type MachineDifference, planApply } from '../operations/apply.ts';
import { compareRegions, isChange, type RegionDifference } from '../operations/apply-settings.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { describeOverride, isInFile, remedyOf } from '../operations/status/durability-findings.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, yes } from './command.ts';
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
      .summary('roll out configuration changes, node by node')
      .description(
        'Shows the differences file by file, then updates one node at a time: replicas first, primaries last. Shows every change of ' +
          "Patroni's dynamic configuration, settings of other operators that are kept, and every override of a setting that durability depends on.",
      ),
    context,
  )
    .option('--dry-run', 'print the differences without changing anything')
    .option(...yes)
    .option('--json', 'print the differences as JSON')
    .addHelpText('after', '\nExamples:\n  pgha apply --dry-run\n  pgha apply --lab --yes')
    .action((options: ApplyOptions) =>
      withInstallation(context, options, async (installation) => {
        const { cluster } = installation;
        const machines = enterAll(installation, allNodes(cluster));
        const differences = (await compareMachines(cluster, machines)).filter(isDifferent);
        const regions = await compareRegions(cluster, machines);
        answer(context, options, jsonOf(differences, regions), () => renderDifferences(differences, regions));
        const changed = [
          ...regions.filter(isChange).map(({ region }) => `the settings of ${region}`),
          ...differences.map(({ machine }) => machine),
        ];
        if (changed.length === 0 || options.dryRun === true) return;
        await askConsent(`Change ${changed.join(', ')}?`, options.yes === true);
        const { region } = actingRegion(cluster, await viewRegions(installation));
        await runOperation(installation, region, 'apply', async ({ signal }) =>
          showSteps(await planApply(cluster, machines, differences, regions, signal)),
        );
      }),
    );
}

/** A machine that differs, or, where `machine` is null, what the members of a region share. */
export interface ApplyDifference extends Omit<MachineDifference, 'machine'> {
  machine: string | null;
  region?: string;
  settings?: RegionDifference['settings'];
  kept?: RegionDifference['kept'];
  overrides?: RegionDifference['overrides'];
}

function jsonOf(
  machines: readonly MachineDifference[],
  regions: readonly RegionDifference[],
): readonly ApplyDifference[] {
  const nothing = { machine: null, packages: [], files: [], removed: [], actions: {}, units: [] };
  return [...regions.filter(isWorthALine).map((region) => ({ ...nothing, ...region })), ...machines];
}

const isWorthALine = ({ settings, kept, overrides }: RegionDifference) =>
  [settings, kept, overrides].some((list) => list.length > 0);

function renderDifferences(differences: readonly MachineDifference[], regions: readonly RegionDifference[]): string {
  const machines = differences.map(({ machine, packages, files, removed, actions, units }) => {
    const lines = [
      ...packages.map((name) => `  install ${name}`),
      ...removed.map((path) => `  remove ${path}`),
      ...Object.entries(actions).map(([unit, action]) => `  ${action} ${unit}`),
      ...units.map((unit) => `  finish pending restart of ${unit}`),
    ];
    return `${machine}\n${lines.map((line) => `${line}\n`).join('')}${files.map(({ diff }) => diff).join('')}`;
  });
  const isWhole = differences.length === 0 && !regions.some(isChange);
  return [
    ...regions.filter(isWorthALine).map(renderRegion),
    ...machines,
    ...(isWhole ? ['no differences: every node matches the configuration\n'] : []),
  ].join('\n');
}

function renderRegion({ region, settings, kept, overrides }: RegionDifference): string {
  const lines = [
    ...settings.map(
      ({ key, now, wanted, needsRestart }) =>
        `  change ${key}: ${now ?? 'not set'} -> ${wanted}${needsRestart ? ' (takes effect after a restart of each member: pgha nodes restart)' : ''}`,
    ),
    ...kept.map(
      ({ key, now, wanted, why }) =>
        `  keep ${key}: ${now}${wanted === null ? '' : ` (the configuration says ${wanted})`}: ${why}`,
    ),
    ...overrides.map(({ member, override }) =>
      isInFile(override)
        ? `  remove ${describeOverride(member, override)}`
        : `  overridden: ${describeOverride(member, override)}\n    ${remedyOf(member, override)}`,
    ),
  ];
  return `${region}: dynamic configuration and durability settings\n${lines.map((line) => `${line}\n`).join('')}`;
}
