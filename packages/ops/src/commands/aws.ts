import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Cluster, type Region, regionsOf } from '@pgha/infra/cluster';
import { monthlyCost, pricesAsOf, totalOf, UnknownPricesError } from '@pgha/infra/reports';
import { Argument, type Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { RefusedError } from '../exit-codes.ts';
import { createLocalHost } from '../hosts/local.ts';
import { terraformVersion } from '../hosts/terraform.ts';
import { type AwsLogin, type Identity, loginOf } from '../operations/deploy/aws-access.ts';
import { checkPrerequisites, surroundings } from '../operations/deploy/prerequisites.ts';
import type { Session } from '../operations/deploy/session.ts';
import { synthesizeStacks } from '../operations/deploy/synthesis.ts';
import { dataRegions, deploymentFolders, type Scope, scopeOf, type Target } from '../operations/deploy/target.ts';
import { stacksIn } from '../operations/deploy/terraform-stacks.ts';
import type { CommandContext } from './command.ts';
import { showSteps } from './progress.ts';

/** The options that every command about AWS has. */
export interface AwsOptions {
  config: string;
  alone?: boolean;
}

export const regionArgument = () =>
  new Argument('<region>', 'the primary region or the DR region').choices(['primary', 'dr']);

/** `--config`, on any command that reads the cluster. */
export function withConfig(command: Command, context: CommandContext): Command {
  const file = resolve(context.settings.workspace, 'pgha.config.ts');
  return command.option('--config <file>', 'path of the cluster configuration', file);
}

export function withAlone(command: Command): Command {
  return command.option('--alone', 'leave the other region untouched (it is down or not deployed)');
}

/** The credentials' owner, or a refusal that lists everything that is missing. */
async function identify(
  context: CommandContext,
  cluster: Cluster,
  regions: readonly Region[],
): Promise<{ login: AwsLogin; identity: Identity }> {
  const login = loginOf(cluster, context.settings.aws.hasOwnCredentials);
  return { login, identity: await checkPrerequisites(cluster, regions, login, surroundings(terraformVersion)) };
}

/**
 * Goes from a command line to a session: configuration, cost, prerequisites, rendered stacks.
 *
 * @throws RefusedError with everything that stands in the way.
 */
export async function openSession(context: CommandContext, target: Target, options: AwsOptions): Promise<Session> {
  const { workspace, aws } = context.settings;
  const configFile = resolve(options.config);
  const cluster = await readClusterFile(configFile);
  const scope = scopeOf(cluster, target, options.alone === true);
  sayCost(cluster);
  const folders = deploymentFolders(workspace, cluster);
  const node = process.execPath;
  const found: { who: { login: AwsLogin; identity: Identity } | null } = { who: null };
  await showSteps([
    {
      title: 'Check Terraform, AWS credentials and state buckets',
      run: async (report) => {
        found.who = await identify(context, cluster, stateRegions(scope));
        report(found.who.identity.arn);
      },
    },
    {
      title: 'Synthesize the Terraform stacks',
      run: () =>
        synthesizeStacks(createLocalHost(workspace), node, {
          configFile,
          account: required(found.who).identity.account,
          folder: folders.rendered,
        }),
    },
  ]);
  const { login, identity } = required(found.who);
  const terraform = await stacksIn(scope, folders, login, aws.pluginCache, context.signal);
  return { scope, login, identity, workspace, folders, terraform, node, signal: context.signal };
}

/** For steps that are only shown. */
export function noSession(): never {
  throw new Error('a step that is only shown was run');
}

/** The regions whose state is read: those whose data is provided, and the second one's for the peering. */
function stateRegions(scope: Scope): readonly Region[] {
  return scope.alone ? dataRegions(scope) : regionsOf(scope.cluster);
}

function required<T>(value: T | null): T {
  if (value === null) throw new Error('the step before has not run');
  return value;
}

/** One line on standard error: nobody should find out from the bill. */
function sayCost(cluster: Cluster): void {
  try {
    const usd = totalOf(monthlyCost(cluster));
    process.stderr.write(
      `Estimated cost: ${usd.toFixed(0)} USD per month at the list prices of ${pricesAsOf}. Details: pgha cost\n`,
    );
  } catch (error) {
    if (!(error instanceof UnknownPricesError)) throw error;
    process.stderr.write(`Estimated cost: unknown: ${error.message}.\n`);
  }
}

/**
 * Asks before AWS is changed.
 *
 * @throws RefusedError when the answer is no, and when there is nobody to ask.
 */
export async function askConsent(question: string, isGiven: boolean): Promise<void> {
  if (isGiven) return;
  if (!process.stdin.isTTY)
    throw new RefusedError(`${question} Confirmation required: run this in a terminal, or pass --yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} Type "yes" to continue: `);
    if (answer.trim() !== 'yes') throw new RefusedError('cancelled: nothing was changed');
  } finally {
    terminal.close();
  }
}
