import { resolve } from 'node:path';
import { allNodes, type Node, nodeNamed, regionOf } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { UsageError } from '../exit-codes.ts';
import type { Installation } from '../installation/installation.ts';
import { planNewLabMachine } from '../lab/new-machine.ts';
import { planNewInstance } from '../operations/deploy/replace.ts';
import { scopeOf } from '../operations/deploy/target.ts';
import { isNewMachine, type NodeSetting, planReplacement, readIdentity } from '../operations/nodes/replace.ts';
import { planReboot, planReinit, planRestart, readBoot } from '../operations/nodes/restart.ts';
import { type OperationRun, runOperation } from '../operations/operation.ts';
import type { Step } from '../step.ts';
import { askConsent, noSession, openSession } from './aws.ts';
import type { CommandContext } from './command.ts';
import { listNodes } from './nodes-list.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

export interface NodesOptions extends PlaceOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
  reboot?: boolean;
}

/** What a verb of `pgha nodes` does to one machine. */
interface Verb {
  /** Asked before anything is done; null: nothing is lost. */
  question(node: Node): string | null;
  /** The steps; `run` is null when they are only shown. */
  plan(
    context: CommandContext,
    options: NodesOptions,
    setting: NodeSetting,
    run: OperationRun | null,
  ): Promise<readonly Step[]>;
}

const verbs: Readonly<Record<'restart' | 'reinit' | 'replace', Verb>> = {
  restart: {
    question: () => null,
    plan: async (_context, { reboot }, setting, run) => {
      if (reboot !== true) return planRestart(setting);
      const before = run === null ? '' : await readBoot(setting);
      return planReboot(setting, run === null ? before : await run.memory.choose('boot', () => before));
    },
  },
  reinit: {
    question: ({ name }) => `Throw the data of ${name} away and build it anew?`,
    plan: async (_c, _o, setting) => planReinit(setting),
  },
  replace: { question: ({ name }) => `Replace ${name} by a new machine?`, plan: planReplace },
};

/** `pgha nodes …`: machines, one at a time. */
export function registerNodes(program: Command, context: CommandContext): void {
  const nodes = program
    .command('nodes')
    .summary('machines: list, restart, build anew, replace')
    .description('Works on one machine at a time, and only while the rest of the cluster is well.')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha nodes list\n  pgha nodes replace pg-2\n  pgha nodes restart etcd-1 --reboot --lab',
    );

  withPlace(nodes.command('list'), context)
    .summary('every machine, and what it is doing')
    .option('--json', 'print JSON')
    .action((options: NodesOptions) =>
      withInstallation(context, options, (installation) => listNodes(context, options, installation)),
    );

  const restart = onNode(nodes, context, 'restart')
    .summary('restart what a machine serves, or the machine')
    .description(
      'Restarts PostgreSQL on a database machine, etcd, or both services of an API server. The primary is refused: hand over first.',
    )
    .option('--reboot', 'restart the machine itself');
  const reinit = onNode(nodes, context, 'reinit')
    .summary('build a database member anew')
    .description(
      "Throws a member's data away and builds it from the newest backup, or from the primary. The primary is refused.",
    )
    .option('--yes', 'do not ask');
  const replace = onNode(nodes, context, 'replace')
    .summary('put a new machine in the place of one')
    .description(
      "Replaces a machine by one of the configuration's image, instance type and user-data, with the old one's name and address, " +
        'and on AWS its data volume. An etcd member is taken out and joins anew. The primary is refused: hand over first.',
    )
    .option('--yes', 'do not ask');
  for (const [name, command] of [
    ['restart', restart],
    ['reinit', reinit],
    ['replace', replace],
  ] as const) {
    command.action((machine: string, options: NodesOptions) => runVerb(context, name, machine, options));
  }
}

function onNode(nodes: Command, context: CommandContext, name: string): Command {
  return withPlace(nodes.command(name), context)
    .argument('<machine>', 'its name, for example pg-2')
    .option('--dry-run', 'print the steps; nothing is changed');
}

async function runVerb(
  context: CommandContext,
  name: keyof typeof verbs,
  machine: string,
  options: NodesOptions,
): Promise<void> {
  const verb = verbs[name];
  await withInstallation(context, options, async (installation) => {
    const node = findNode(installation, machine);
    const region = regionOf(installation.cluster, node);
    const setting = { installation, region, node, signal: installation.signal };
    if (options.dryRun === true) return context.print(describeSteps(await verb.plan(context, options, setting, null)));
    const question = verb.question(node);
    if (question !== null) await askConsent(question, options.yes === true);
    const doing = `nodes ${name} ${machine}${options.reboot === true ? ' --reboot' : ''}`;
    await runOperation(installation, region, doing, async (run) => {
      await showSteps(await verb.plan(context, options, { ...setting, signal: run.signal }, run));
    });
  });
}

/** On AWS a session is opened, with everything that a deploy checks; the lab makes the machine itself. */
async function planReplace(
  context: CommandContext,
  options: NodesOptions,
  setting: NodeSetting,
  run: OperationRun | null,
): Promise<readonly Step[]> {
  const { installation, region, node } = setting;
  const host = installation.host(node);
  const now = run === null ? null : await readIdentity(host);
  // an empty word: it could not be asked
  const before = run === null ? '' : await run.memory.choose('machine', () => now ?? '');
  const isThere = () => isNewMachine(host, before === '' ? null : before);
  if (installation.kind === 'lab') {
    return planReplacement(setting, planNewLabMachine(context.settings.labPlaces, node, isThere));
  }
  const scope = scopeOf(installation.cluster, region.kind, true);
  if (run === null) return planReplacement(setting, planNewInstance(scope, node, noSession, isThere));
  const session = await openSession(context, region.kind, { config: resolve(options.config), alone: true });
  return planReplacement(
    setting,
    planNewInstance(session.scope, node, () => session, isThere),
  );
}

/** A name that no machine has is a matter of the command line. */
function findNode({ cluster }: Installation, name: string): Node {
  if (allNodes(cluster).some((node) => node.name === name)) return nodeNamed(cluster, name);
  throw new UsageError(
    `no machine "${name}"; the machines are ${allNodes(cluster)
      .map((node) => node.name)
      .join(', ')}`,
  );
}
