import { resolve } from 'node:path';
import { nodeNamed, regionOf } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { UsageError } from '../exit-codes.ts';
import { planReplacement } from '../operations/deploy/replace.ts';
import { scopeOf } from '../operations/deploy/target.ts';
import { askConsent, noSession, openSession, withConfig } from './aws.ts';
import type { CommandContext } from './command.ts';
import { describeSteps, showSteps } from './progress.ts';

interface ReplaceOptions {
  config: string;
  dryRun?: boolean;
  yes?: boolean;
}

/** `pgha nodes …`: machines on AWS, one at a time. */
export function registerNodes(program: Command, context: CommandContext): void {
  const nodes = program.command('nodes').summary('replace machines on AWS, one at a time');
  withConfig(nodes.command('replace'), context)
    .summary('put a new machine in the place of one')
    .description(
      "Replaces a machine by one of the configuration's image, instance type and user-data, with the old one's name, address " +
        'and data volume. The cluster has to be whole before; the primary is refused until it handed over.',
    )
    .argument('<machine>', 'its name, for example pg-2')
    .option('--dry-run', 'print the steps; nothing is asked of AWS')
    .option('--yes', 'do not ask')
    .action(async (name: string, options: ReplaceOptions) => {
      const cluster = await readClusterFile(resolve(options.config));
      const node = findNode(() => nodeNamed(cluster, name));
      const { kind } = regionOf(cluster, node);
      const scope = scopeOf(cluster, kind, true);
      if (options.dryRun === true) return context.print(describeSteps(planReplacement(scope, node, noSession)));
      // before anything is asked: some machines cannot be replaced this way
      planReplacement(scope, node, noSession);
      const session = await openSession(context, kind, { ...options, alone: true });
      await askConsent(`Replace ${name} in the account ${session.identity.account}?`, options.yes === true);
      await showSteps(planReplacement(session.scope, node, () => session));
    });
}

/** A name that no machine has is a matter of the command line. */
function findNode<T>(find: () => T): T {
  try {
    return find();
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}
