import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { membersOf } from '@pgha/infra/cluster';
import type { Command } from 'commander';
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
import { answer, type CommandContext } from './command.ts';
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
  althoughItAnswers?: boolean;
}

const examples = `
Examples:
  pgha dr status
  pgha dr failover --dry-run
  pgha dr failover --yes
  pgha dr failback --yes
  pgha dr drill --report docs/drills`;

/** `pgha dr …`: the second region. */
export function registerDr(program: Command, context: CommandContext): void {
  const dr = program
    .command('dr')
    .summary('the second region: status, failover, failback, drill')
    .description('Moves the writes between the regions, brings a lost one back, and proves that it would work.')
    .addHelpText('after', examples);
  const verb = (name: string, summary: string, example: string) =>
    withPlace(dr.command(name).summary(summary), context)
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  pgha dr ${example}`);
  const changing = (name: string, summary: string, example: string) =>
    verb(name, summary, example)
      .option('--dry-run', 'print the steps; nothing is changed')
      .option('--yes', 'do not ask');

  verb('status', 'who acts, how far the standby is behind, what a failover now would lose', 'status --lab')
    .description(
      'Shows both regions: who acts, epochs, gates, how far the standby is behind and so what a failover now would lose, and ' +
        'the last drill. Ends with 1 when something needs a person.',
    )
    .action((options: DrOptions) =>
      withInstallation(context, options, async (installation) => {
        const status = drStatusOf(installation, await observeDr(installation));
        answer(context, options, status, renderDrStatus);
        if (status.findings.length > 0) context.exit(exitCodes.failed);
      }),
    );

  changing('failover', 'promote the standby region when the acting one is lost', 'failover --yes')
    .description(
      'For when the acting region is lost: fences it (cuts the power of its database machines, shuts them out of the backup ' +
        'buckets), raises the epoch, promotes the standby, points the API servers to it and begins a full backup. Loses what the ' +
        'standby had not received, and says how much that can be. Refuses while the acting region has a primary.',
    )
    .option('--accept-unfenced', 'go ahead although it is not certain that the lost region takes no more writes')
    .option('--although-it-answers', 'cut off a region that still has a primary')
    .action((options: FailoverOptions) => failover(context, options));

  changing('switchover', 'move the writes to the other region, losing nothing', 'switchover --to us-west-2 --yes')
    .description(
      'Ends the primary cleanly, makes sure that the standby region has all of it, promotes that and makes the former region its ' +
        'standby. Clients of the HTTP services wait; sessions on the load balancers are cut and find the other one.',
    )
    .option('--to <region>', 'who takes over; without it the region that is the standby')
    .action((options: DrOptions & { to?: string }) => switchover(context, options));

  changing('failback', 'bring the primary region back and move home, losing nothing', 'failback --yes')
    .description(
      'Starts what is off of the primary region, counts what only it has, replaces its data by what the second region has, waits ' +
        'until it streams, and moves the writes home. May be given again at any point where it was cut off.',
    )
    .action((options: DrOptions) => failback(context, options));

  changing('rejoin', 'bring the region that was given up back as the standby', 'rejoin --yes')
    .description(
      'The first half of a failback: the lost region becomes the standby, and the writes stay where they are.',
    )
    .option(
      '--rebuild',
      'replace the data of a standby that streams too, because its copy differs or cannot be trusted',
    )
    .action((options: DrOptions & { rebuild?: boolean }) => rejoin(context, options));

  verb('drill', 'prove that the second region can take over, on a copy', 'drill --report docs/drills')
    .description(
      "Copies the standby's data into a scratch directory on its own machine, brings the copy to the standby's position, compares " +
        'the rows, promotes it, writes to it and removes it; looks whether everything else a failover needs is there. Touches ' +
        'neither the primary nor the archive. Ends with 1 when something was missing.',
    )
    .option('--dry-run', 'print the steps; nothing is copied')
    .option('--report <folder>', 'write a dated page into this folder')
    .action((options: DrOptions & { report?: string }) => drill(context, options));

  verb('confirm', 'let a region start whose gate is closed because the other one is silent', 'confirm us-east-1 --yes')
    .argument('<region>', 'the region that may act')
    .option('--dry-run', 'print the steps; nothing is changed')
    .option('--yes', 'do not ask')
    .description(
      'After a cold start a region stays closed until it has read the other one’s epoch. This is the word of a person who knows ' +
        'that the other one does not act; it holds until the machines are switched off. Refused while the other region acts.',
    )
    .action((name: string, options: DrOptions) => confirm(context, name, options));
}

function failover(context: CommandContext, options: FailoverOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const terms = {
      acceptUnfenced: options.acceptUnfenced === true,
      althoughItAnswers: options.althoughItAnswers === true,
    };
    const view = await viewDr(installation, 'remembered');
    const { to, actsAlready } = chooseSuccessor(view);
    if (options.dryRun === true) {
      const record = { fence: null, promotion: null, pace: null, backup: null, servers: [], acknowledgedAtMs: null };
      return context.print(describeSteps(planRegionFailover(installation, view, to, nextEpoch(view), terms, record)));
    }
    if (!actsAlready) {
      const lag = lagBytesOf(view, to);
      const lost = lag === null ? 'What it acknowledged last' : `${bytes(lag)} or more of what it acknowledged`;
      const from = otherRegion(installation.cluster, to).awsRegion;
      await askConsent(`Give ${from} up and promote ${to.awsRegion}? ${lost} will be lost.`, options.yes === true);
    }
    answer(context, options, await failOverRegion(installation, terms, showSteps), renderRegionFailover);
  });
}

function switchover(context: CommandContext, options: DrOptions & { to?: string }): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const { cluster, signal } = installation;
    const to = options.to === undefined ? null : regionNamed(cluster, options.to);
    if (options.dryRun === true) return context.print(describeSteps(await planSwitchover(installation, to, signal)));
    await askConsent('Move the writes to the other region? Clients wait meanwhile.', options.yes === true);
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
        ? 'Throw the data of the standby region away and build it anew from the acting one? Until it streams there is no second region.'
        : 'Replace the data of the region that was given up? What only it has is counted and kept aside where there is room.',
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
      `Bring ${awsRegion} back and move the writes there? What only it has is counted and kept aside where there is room.`,
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
        .join(', ')} may start without having read the other region's epoch`,
      run: async () => {
        Object.assign(confirmed, await confirmMembers(installation, region));
      },
    };
    if (options.dryRun === true) return context.print(describeSteps([step]));
    await askConsent(
      `Let ${region.awsRegion} take writes? If the other region does too, what one of them acknowledges is lost.`,
      options.yes === true,
    );
    await runOperation(installation, region, `dr confirm ${region.awsRegion}`, () => showSteps([step]));
    answer(context, options, confirmed, ({ members }) => `${members.join(', ')} may start\n`);
  });
}
