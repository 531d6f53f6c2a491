import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { withRegion } from '../operations/deploy/aws-access.ts';
import { describeRemains, planDestroy } from '../operations/deploy/destroy.ts';
import { describeRetained, findRetainedVolumes } from '../operations/deploy/retained-volumes.ts';
import { scopeOf, type Target } from '../operations/deploy/target.ts';
import { type AwsOptions, askConsent, noSession, openSession, regionArgument, withAlone, withConfig } from './aws.ts';
import { type CommandContext, dryRun, examples, yes } from './command.ts';
import { describeSteps, showSteps } from './progress.ts';

/** `pgha destroy REGION`: the machines go, the data stays. */
export function registerDestroy(program: Command, context: CommandContext): void {
  withAlone(withConfig(program.command('destroy'), context))
    .summary("delete a region's nodes and network; data volumes and backups are kept")
    .description(
      "Deletes a region's nodes, load balancer and network. Its data stack is kept: volumes, backups and the KMS key, which a later " +
        'deploy uses again. To delete those too, see docs/runbook-setup.md.',
    )
    .addArgument(regionArgument())
    .option(...dryRun)
    .option(...yes)
    .addHelpText(...examples('destroy dr --dry-run', 'destroy primary'))
    .action(async (target: Target, options: AwsOptions & { dryRun?: boolean; yes?: boolean }) => {
      if (options.dryRun === true) {
        const scope = scopeOf(await readClusterFile(resolve(options.config)), target, options.alone === true);
        return context.print(describeSteps(planDestroy(scope, noSession)));
      }
      const session = await openSession(context, target, options);
      const { region } = session.scope;
      await askConsent(
        `Delete ${region.nodes.length} nodes of ${region.awsRegion} in AWS account ${session.identity.account}?`,
        options.yes === true,
      );
      await showSteps(planDestroy(session.scope, () => session));
      const access = { login: session.login, account: session.identity.account };
      const retained = await withRegion(session.scope.cluster, region, access, ({ ec2 }) =>
        findRetainedVolumes(ec2, session.scope.cluster, region),
      );
      context.print(describeRetained(region, retained));
      process.stderr.write(describeRemains(session.scope, session.identity.account, new Date()));
    });
}
