import { resolve } from 'node:path';
import { modestUsage, monthlyCost, renderCostTable, totalOf, type Usage } from '@pgha/infra/reports';
import { type Command, InvalidArgumentError } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { withConfig } from './aws.ts';
import { answer, type CommandContext, examples } from './command.ts';

type CostOptions = { config: string; json?: boolean } & Usage;

/** `pgha cost`: needs neither credentials nor a network. */
export function registerCost(program: Command, context: CommandContext): void {
  withConfig(program.command('cost'), context)
    .summary('estimate the monthly AWS cost')
    .description(
      'Estimates the monthly cost line by line from the configuration and a dated price list. Needs no AWS credentials.',
    )
    .option('--database-gib <gib>', 'size of the database', amount, modestUsage.databaseGib)
    .option('--wal-gib-per-day <gib>', 'WAL generated per day', amount, modestUsage.walGibPerDay)
    .option('--client-gib <gib>', 'traffic through the load balancer per month', amount, modestUsage.clientGib)
    .option('--internet-gib <gib>', 'traffic to the Internet per month', amount, modestUsage.internetGib)
    .option('--log-gib <gib>', 'flow logs per month, if enabled', amount, modestUsage.logGib)
    .option('--json', 'print the result as JSON')
    .addHelpText(...examples('cost', 'cost --database-gib 50 --wal-gib-per-day 5'))
    .action(async ({ config, json, ...usage }: CostOptions) => {
      const cluster = await readClusterFile(resolve(config));
      const items = monthlyCost(cluster, usage);
      answer(context, json === undefined ? {} : { json }, { usd: totalOf(items), items }, () =>
        renderCostTable(cluster, usage),
      );
    });
}

function amount(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('Expected a number of GiB, 0 or more.');
  return value;
}
