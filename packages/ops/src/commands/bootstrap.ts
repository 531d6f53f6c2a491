import { resolve } from 'node:path';
import { regionsOf } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { terraformVersion } from '../hosts/terraform.ts';
import { loginOf } from '../operations/deploy/aws-access.ts';
import { checkPrerequisites, surroundings } from '../operations/deploy/prerequisites.ts';
import { planBootstrap } from '../operations/deploy/state-buckets.ts';
import { withConfig } from './aws.ts';
import { type CommandContext, examples } from './command.ts';
import { showSteps } from './progress.ts';

/** `pgha bootstrap`: once before the first deploy; again does no harm. */
export function registerBootstrap(program: Command, context: CommandContext): void {
  withConfig(program.command('bootstrap'), context)
    .summary('create the S3 buckets for the Terraform state')
    .description(
      'Creates a versioned, encrypted, private S3 bucket in each region for the Terraform state and its lock.',
    )
    .option('--dry-run', 'print what would be created without creating it')
    .addHelpText(...examples('bootstrap --dry-run', 'bootstrap'))
    .action(async ({ config, dryRun }: { config: string; dryRun?: boolean }) => {
      const cluster = await readClusterFile(resolve(config));
      const login = loginOf(cluster, context.settings.aws.hasOwnCredentials);
      // the buckets are what this makes: their absence is no obstacle
      const around = { ...surroundings(terraformVersion), hasStateBucket: async () => true };
      const { account } = await checkPrerequisites(cluster, regionsOf(cluster), login, around);
      const steps = planBootstrap(cluster, login, account);
      if (dryRun === true) return context.print(steps.map(({ title }) => `${title}\n`).join(''));
      await showSteps(steps);
    });
}
