import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { membersOf } from '@pgha/infra/cluster';
import { type Command, Option } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { confirmMembers } from '../operations/dr/confirm.ts';
import { drillRegion, planDrill } from '../operations/dr/drill.ts';
import { drillReportName, renderDrillReport } from '../operations/dr/drill-report.ts';
import { bringBack, failBack, planBringBack, planFailback } from '../operations/dr/failback.ts';
import { chooseSuccessor, failOverRegion, planRegionFailover } from '../operations/dr/failover.ts';
import { moveRegion, planSwitchover } from '../operations/dr/move.ts';
import { drStatusOf, observeDr } from '../operations/dr/status.ts';
import { runOnBothRegions } from '../operations/dr/two-regions.ts';
import { lagBytesOf, nextEpoch, otherRegion, regionNamed, secondRegionOf, viewDr } from '../operations/dr/view.ts';
import { runOperation } from '../operations/operation.ts';
import type { Step } from '../step.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, dryRun, json, yes } from './command.ts';
import { renderDrStatus, renderFailback, renderMove, renderRegionFailover, renderRejoin } from './dr-report.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';
import { bytes } from './units.ts';

interface DrOptions extends PlaceOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

interface FailoverOptions extends DrOptions {
  acceptUnfenced?: boolean;
  evenIfReachable?: boolean;
}

const examples = `
Examples:
  pgha dr status
  pgha dr failover --dry-run
  pgha dr failover --yes
  pgha dr failback --yes
  pgha dr drill --report docs/drills`;

/** `pgha dr …`: the DR region. */
export function registerDr(program: Command, context: CommandContext): void {
  const dr = program
    .command('dr')
    .summary('status, switchover, failover, failback, rejoin and DR drill')
    .description(
      'Moves writes between the primary region and the DR region, rejoins a failed region, and runs DR drills.',
    )
    .addHelpText('after', examples);
  const verb = (name: string, summary: string, example: string) =>
    withPlace(dr.command(name).summary(summary), context)
      .option(...json)
      .addHelpText('after', `\nExample:\n  pgha dr ${example}`);
  const changing = (name: string, summary: string, example: string) =>
    verb(name, summary, example)
      .option(...dryRun)
      .option(...yes);

  verb('status', 'show both regions, replication lag and what a failover now would lose', 'status --lab')
    .description(
      'Shows both regions: which one is active, region epochs, startup gates, replication lag (the data a failover now would lose), ' +
        'and the last drill. Exits with status 1 if there are issues.',
    )
    .action((options: DrOptions) =>
      withInstallation(context, options, async (installation) => {
        const status = drStatusOf(installation, await observeDr(installation));
        answer(context, options, status, renderDrStatus);
        if (status.findings.length > 0) context.exit(exitCodes.failed);
      }),
    );

  changing('failover', 'promote the standby region after the active region has failed', 'failover --yes')
    .description(
      'For when the active region has failed: fences it (stops its database nodes, denies them access to the backup buckets), ' +
        'increments the region epoch, promotes the standby region, switches the API servers to it and starts a full backup. WAL that ' +
        'the standby had not received is lost; the command prints how much. Refused while the active region has a primary.',
    )
    .option(
      '--accept-unfenced',
      'promote even if fencing of the failed region could not be verified (risk of split-brain)',
    )
    .option('--even-if-reachable', 'fence and fail over from a region that still has a primary')
    .addOption(new Option('--although-it-answers').hideHelp().implies({ evenIfReachable: true }))
    .action((options: FailoverOptions) => failover(context, options));

  changing(
    'switchover',
    'switch over to the standby region without data loss (planned)',
    'switchover --to us-west-2 --yes',
  )
    .description(
      'Shuts the primary down cleanly, waits until the standby region has all of its WAL, promotes it, and makes the former active ' +
        'region its standby. Requests to the HTTP services are queued; sessions through the load balancers are closed and must ' +
        'reconnect to the new active region.',
    )
    .option('--to <region>', 'region to promote (default: the standby region)')
    .action((options: DrOptions & { to?: string }) => switchover(context, options));

  changing('failback', 'rejoin the primary region and switch back to it without data loss', 'failback --yes')
    .description(
      'Starts the nodes of the primary region, counts its unreplicated transactions, replaces its data with that of the active ' +
        'region, waits until it streams, and switches back to it. Can be interrupted and rerun at any point.',
    )
    .action((options: DrOptions) => failback(context, options));

  changing('rejoin', 'rejoin the failed region as standby', 'rejoin --yes')
    .description(
      'The first half of a failback: the failed region becomes the standby region; the active region does not change.',
    )
    .option('--rebuild', 'also rebuild a standby region that is streaming, if its copy differs or cannot be trusted')
    .action((options: DrOptions & { rebuild?: boolean }) => rejoin(context, options));

  verb('drill', 'test on a copy that the DR region can be promoted', 'drill --report docs/drills')
    .description(
      "Copies the standby's data into a scratch directory on its own node, replays it to the standby's LSN, compares the rows, promotes " +
        'the copy, writes to it and removes it; checks everything else that a failover needs. Affects neither the primary nor the ' +
        'archive. Exits with status 1 if the drill failed.',
    )
    .option('--dry-run', 'print the plan without copying anything')
    .option('--report <folder>', 'write a dated report into this folder')
    .action((options: DrOptions & { report?: string }) => drill(context, options));

  verb('confirm', 'allow a region to start although its peer region does not respond', 'confirm us-east-1 --yes')
    .argument('<region>', 'AWS region that may become active')
    .option(...dryRun)
    .option(...yes)
    .description(
      'After a cold start the startup gate of a region stays closed until it has read the region epoch of its peer. With this command ' +
        'an operator confirms that the peer region is not active; it is valid until the nodes are stopped. Refused while the peer ' +
        'region is active.',
    )
    .action((name: string, options: DrOptions) => confirm(context, name, options));
}

function failover(context: CommandContext, options: FailoverOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const terms = {
      acceptUnfenced: options.acceptUnfenced === true,
      althoughItAnswers: options.evenIfReachable === true,
    };
    const view = await viewDr(installation, 'remembered');
    const { to, actsAlready } = chooseSuccessor(view);
    if (options.dryRun === true) {
      const record = { fence: null, promotion: null, pace: null, backup: null, servers: [], acknowledgedAtMs: null };
      return context.print(describeSteps(planRegionFailover(installation, view, to, nextEpoch(view), terms, record)));
    }
    if (!actsAlready) {
      const lag = lagBytesOf(view, to);
      const lost = lag === null ? 'The WAL it acknowledged last' : `At least ${bytes(lag)} of acknowledged WAL`;
      const from = otherRegion(installation.cluster, to).awsRegion;
      await askConsent(`Fail over from ${from} to ${to.awsRegion}? ${lost} will be lost.`, options.yes === true);
    }
    answer(context, options, await failOverRegion(installation, terms, showSteps), renderRegionFailover);
  });
}

function switchover(context: CommandContext, options: DrOptions & { to?: string }): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const { cluster, signal } = installation;
    const to = options.to === undefined ? null : regionNamed(cluster, options.to);
    if (options.dryRun === true) return context.print(describeSteps(await planSwitchover(installation, to, signal)));
    await askConsent('Switch over to the standby region? Writes are queued meanwhile.', options.yes === true);
    const doing = to === null ? 'dr switchover' : `dr switchover --to ${to.awsRegion}`;
    const moved = await runOnBothRegions(installation, [cluster.primary, secondRegionOf(cluster)], doing, (run) =>
      moveRegion(installation, to, run, showSteps),
    );
    answer(context, options, moved, renderMove);
  });
}

function rejoin(context: CommandContext, options: DrOptions & { rebuild?: boolean }): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const rebuild = options.rebuild === true;
    if (options.dryRun === true) return context.print(describeSteps(await planBringBack(installation, rebuild)));
    await askConsent(
      rebuild
        ? 'Delete the data of the standby region and rebuild it from the active region? Until it streams, there is no standby region.'
        : 'Replace the data of the former active region? Its unreplicated transactions are counted, and its old data is retained if there is enough free disk space.',
      options.yes === true,
    );
    answer(context, options, await bringBack(installation, rebuild, showSteps), renderRejoin);
  });
}

function failback(context: CommandContext, options: DrOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    if (options.dryRun === true) return context.print(describeSteps(await planFailback(installation)));
    const { awsRegion } = installation.cluster.primary;
    await askConsent(
      `Rejoin ${awsRegion} and switch back to it? Its unreplicated transactions are counted, and its old data is retained if there is enough free disk space.`,
      options.yes === true,
    );
    answer(context, options, await failBack(installation, showSteps), renderFailback);
  });
}

function drill(context: CommandContext, options: DrOptions & { report?: string }): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    if (options.dryRun === true) return context.print(describeSteps((await planDrill(installation)).steps));
    const made = await drillRegion(installation, showSteps);
    const report = renderDrillReport(made);
    if (options.report !== undefined) {
      const folder = resolve(options.report);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, drillReportName(made)), report);
    }
    answer(context, options, made, () => report);
    if (!made.passed) context.exit(exitCodes.failed);
  });
}

function confirm(context: CommandContext, name: string, options: DrOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const region = regionNamed(installation.cluster, name);
    const confirmed: { region: string; members: readonly string[] } = { region: region.awsRegion, members: [] };
    const step: Step = {
      title: `${membersOf(region)
        .map((node) => node.name)
        .join(', ')}: allow the start without the peer region's epoch`,
      run: async () => {
        Object.assign(confirmed, await confirmMembers(installation, region));
      },
    };
    if (options.dryRun === true) return context.print(describeSteps([step]));
    await askConsent(
      `Allow ${region.awsRegion} to accept writes? If its peer region accepts writes too (split-brain), acknowledged data is lost.`,
      options.yes === true,
    );
    await runOperation(installation, region, `dr confirm ${region.awsRegion}`, () => showSteps([step]));
    answer(context, options, confirmed, ({ members }) => `${members.join(', ')}: start allowed\n`);
  });
}
