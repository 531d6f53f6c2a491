import type { Command } from 'commander';
import { RefusedError } from '../exit-codes.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { type MachineUpgrades, outdated, planMinorUpgrade, viewUpgrades } from '../operations/upgrade/minor.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, examples, table, yes } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface UpgradeOptions extends PlaceOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `pgha upgrade minor`: Debian's newest minor versions, one machine at a time. */
export function registerUpgrade(program: Command, context: CommandContext): void {
  const upgrade = program
    .command('upgrade')
    .summary('install minor version updates, node by node')
    .description(
      'Installs minor version updates of PostgreSQL, Patroni, etcd, PgBouncer, HAProxy and pgBackRest, node by node.',
    )
    .addHelpText(...examples('upgrade minor --dry-run'));
  withPlace(upgrade.command('minor'), context)
    .summary("install Debian's newest minor versions, node by node")
    .description(
      'Upgrades etcd members, then the standby region, then replicas, then the primary after a switchover, then everything else, and ' +
        'waits for a healthy cluster after each node. Clients of the HTTP services get no error; sessions through the PgBouncer of a ' +
        'node are closed while it restarts. Security updates of all other packages are installed automatically.',
    )
    .option('--dry-run', 'print the available updates and the plan without changing anything')
    .option(...yes)
    .option('--json', 'print the updates as JSON')
    .addHelpText('after', '\nExamples:\n  pgha upgrade minor --dry-run\n  pgha upgrade minor --yes')
    .action((options: UpgradeOptions) =>
      withInstallation(context, options, async (installation) => {
        const { region, members } = actingRegion(installation.cluster, await viewRegions(installation));
        if (members === null)
          throw new RefusedError(`no member of ${region.awsRegion} responds. Check the nodes: pgha status`);
        const primary = members.find(({ role }) => role === 'leader')?.name ?? null;
        const machines = await viewUpgrades(installation);
        answer(context, options, outdated(machines), renderUpgrades);
        if (outdated(machines).length === 0) return;
        const plan = (signal: AbortSignal) => planMinorUpgrade(installation, machines, primary, signal);
        if (options.dryRun === true) {
          // standard output is one line of JSON then
          return options.json === true ? undefined : context.print(describeSteps(plan(installation.signal)));
        }
        await askConsent(`Upgrade ${outdated(machines).length} nodes, one at a time?`, options.yes === true);
        await runOperation(installation, region, 'upgrade minor', ({ signal }) => showSteps(plan(signal)));
      }),
    );
}

function renderUpgrades(machines: readonly MachineUpgrades[]): string {
  if (machines.length === 0) return 'no updates: every node has the newest versions\n';
  return table(
    ['NODE', 'PACKAGE', 'FROM', 'TO'],
    machines.flatMap(({ node, available, pending }) => [
      ...available.map((each) => [node.name, each.package, each.from, each.to]),
      ...pending.map((unit) => [node.name, unit, 'restart pending', '']),
    ]),
  );
}
