import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { boundaryPolicy, deployPolicies, type Policy, planPolicy } from '@pgha/infra/reports';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { UsageError } from '../exit-codes.ts';
import { withConfig } from './aws.ts';
import { type CommandContext, examples } from './command.ts';

/** `pgha policies`: needs neither credentials nor a network. */
export function registerPolicies(program: Command, context: CommandContext): void {
  withConfig(program.command('policies'), context)
    .summary('print the IAM policies that a deployment requires')
    .description(
      'Prints the IAM policies of this configuration as JSON: those of a deploy, the permissions boundary of every role it creates, ' +
        'and that of the role that plans pull requests. With --out each is written to a file of its own, and the commands that ' +
        'create or update them are printed. Nothing is changed on AWS.',
    )
    .requiredOption('--account <number>', 'AWS account ID, twelve digits')
    .option('--out <folder>', 'write a file per policy')
    .addHelpText(...examples('policies --account 123456789012', 'policies --account 123456789012 --out policies'))
    .action(async ({ config, account, out }: { config: string; account: string; out?: string }) => {
      if (!/^\d{12}$/.test(account))
        throw new UsageError(`--account "${account}" is not an AWS account ID. Expected twelve digits`);
      const cluster = await readClusterFile(resolve(config));
      const policies = [
        ...deployPolicies(cluster, account),
        boundaryPolicy(cluster, account),
        planPolicy(cluster, account),
      ];
      if (out === undefined) return context.print(`${JSON.stringify(policies, null, 2)}\n`);
      const folder = resolve(out);
      await mkdir(folder, { recursive: true });
      for (const { name, document } of policies) {
        await writeFile(join(folder, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`);
      }
      context.print(policies.map((policy) => commandsFor(policy, account, folder)).join(''));
    });
}

/** Creates the policy, or gives it a new version: IAM keeps five of them. */
function commandsFor({ name, purpose }: Policy, account: string, folder: string): string {
  const file = `file://${join(folder, `${name}.json`)}`;
  return [
    `# ${name}: ${purpose}`,
    `aws iam create-policy --policy-name ${name} --policy-document '${file}' ||`,
    `  aws iam create-policy-version --policy-arn arn:aws:iam::${account}:policy/${name} --set-as-default --policy-document '${file}'`,
    '',
  ].join('\n');
}
