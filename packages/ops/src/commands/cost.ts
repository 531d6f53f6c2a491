import { resolve } from 'node:path';
import { modestUsage, monthlyCost, renderCostTable, totalOf, type Usage } from '@pgha/infra/reports';
import { type Command, InvalidArgumentError } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { withConfig } from './aws.ts';
import { type CommandContext, examples } from './command.ts';

type CostOptions = { config: string; json?: boolean } & Usage;

/** `pgha cost`: needs neither credentials nor a network. */
export function registerCost(program: Command, context: CommandContext): void {
  withConfig(program.command('cost'), context)
    .summary('what a month costs on AWS')
    .description('Computes a month of the cluster line by line, from the configuration and a dated price list.')
    .option('--database-gib <gib>', 'how much data there is', amount, modestUsage.databaseGib)
    .option('--wal-gib-per-day <gib>', 'how much of it changes', amount, modestUsage.walGibPerDay)
    .option('--client-gib <gib>', 'through the load balancer, a month', amount, modestUsage.clientGib)
    .option('--internet-gib <gib>', 'answers to the Internet, a month', amount, modestUsage.internetGib)
    .option('--log-gib <gib>', 'flow logs, a month, where they are on', amount, modestUsage.logGib)
    .option('--json', 'print the lines as JSON')
    .addHelpText(...examples('cost', 'cost --database-gib 50 --wal-gib-per-day 5'))
    .action(async ({ config, json, ...usage }: CostOptions) => {
      const cluster = await readClusterFile(resolve(config));
      if (json !== true) return context.print(renderCostTable(cluster, usage));
      const items = monthlyCost(cluster, usage);
      context.print(`${JSON.stringify({ usd: totalOf(items), items })}\n`);
    });
}

function amount(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('It is a number of GiB, 0 or more.');
  return value;
}
