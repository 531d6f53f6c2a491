import type { Command } from 'commander';
import { runOperation } from '../operations/operation.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, examples } from './command.ts';
import { listNodes } from './nodes-list.ts';
import { type NodesOptions, verbs } from './nodes-verbs.ts';
import { withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

/** What the help says of each verb. */
const words: Readonly<Record<keyof typeof verbs, { summary: string; description: string; done: string }>> = {
  restart: {
    done: 'restarted',
    summary: 'restart what a machine serves, or the machine',
    description:
      'Restarts PostgreSQL on a database machine, etcd, or both services of an API server. The primary is refused: hand over first.',
  },
  reinit: {
    done: 'built anew',
    summary: 'build a database member anew',
    description:
      "Throws a member's data away and builds it from the newest backup, or from the primary. Whoever leads a region is refused.",
  },
  replace: {
    done: 'replaced',
    summary: 'put a new machine in the place of one',
    description:
      "Replaces a machine by one of the configuration's image, instance type and user-data, with the old one's name and address, " +
      'and on AWS its data volume. An etcd member is taken out and joins anew. The primary is refused: hand over first.',
  },
  add: {
    done: 'added',
    summary: 'bring in a machine that the configuration has and nobody has made',
    description:
      'Makes its secrets and the machine, waits until it is a member, and tells all the others. Raise the count in the ' +
      'configuration first; etcd members are added one at a time, in pairs.',
  },
  remove: {
    done: 'removed',
    summary: 'take a machine out that the configuration no longer has',
    description:
      'Tells all the others, switches it off and removes it; its data volume stays. Lower the count in the configuration first. ' +
      'The primary is refused: hand over first.',
  },
};

/** `pgha nodes …`: machines, one at a time. */
export function registerNodes(program: Command, context: CommandContext): void {
  const nodes = program
    .command('nodes')
    .summary('machines: list, restart, build anew, replace, add, remove')
    .description('Works on one machine at a time. None is taken away that the other members or etcd cannot do without.')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha nodes list\n  pgha nodes replace pg-2\n  pgha nodes restart etcd-1 --reboot --lab',
    );

  withPlace(nodes.command('list'), context)
    .summary('every machine, and what it is doing')
    .option('--json', 'print JSON')
    .addHelpText(...examples('nodes list', 'nodes list --json --lab'))
    .action((options: NodesOptions) =>
      withInstallation(context, options, (installation) => listNodes(context, options, installation)),
    );

  for (const name of Object.keys(verbs) as (keyof typeof verbs)[]) {
    const { summary, description } = words[name];
    const command = withPlace(nodes.command(name), context)
      .summary(summary)
      .description(description)
      .argument('<machine>', 'its name, for example pg-2')
      .option('--dry-run', 'print the steps; nothing is changed')
      .option('--json', 'print what was done as JSON');
    if (name === 'restart') command.option('--reboot', 'restart the machine itself');
    else command.option('--yes', 'do not ask');
    command.addHelpText('after', `\nExample:\n  pgha nodes ${name} pg-3 --dry-run`);
    command.action((machine: string, options: NodesOptions) => runVerb(context, name, machine, options));
  }
}

async function runVerb(
  context: CommandContext,
  name: keyof typeof verbs,
  machine: string,
  options: NodesOptions,
): Promise<void> {
  const verb = verbs[name];
  await withInstallation(context, options, async (installation) => {
    const { node, region } = verb.find(installation.cluster, machine);
    const setting = { installation, region, node, signal: installation.signal };
    if (options.dryRun === true) {
      return context.print(describeSteps(await verb.plan({ context, options, setting, run: null })));
    }
    const question = verb.question(node, installation.kind);
    if (question !== null) await askConsent(question, options.yes === true);
    const doing = `nodes ${name} ${machine}${options.reboot === true ? ' --reboot' : ''}`;
    await runOperation(installation, region, doing, async (run) => {
      await showSteps(await verb.plan({ context, options, setting: { ...setting, signal: run.signal }, run }));
    });
    const done = { verb: name, machine, region: region.awsRegion };
    answer(context, options, done, () => `${machine}: ${words[name].done}\n`);
  });
}
