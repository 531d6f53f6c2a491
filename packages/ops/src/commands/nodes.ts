import type { Command } from 'commander';
import { runOperation } from '../operations/operation.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, dryRun, examples, json, yes } from './command.ts';
import { listNodes } from './nodes-list.ts';
import { type NodesOptions, verbs } from './nodes-verbs.ts';
import { withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

/** What the help says of each verb. */
const words: Readonly<Record<keyof typeof verbs, { summary: string; description: string; done: string }>> = {
  restart: {
    done: 'restarted',
    summary: 'restart the services of a node, or the node',
    description:
      'Restarts PostgreSQL on a database node, etcd, or both services of an API server. Refused for the primary: switch over first.',
  },
  reinit: {
    done: 'reinitialized',
    summary: 'reinitialize a replica from a backup or the primary',
    description:
      "Deletes a member's data and copies it from the newest backup or from the primary. Refused for the leader of a region.",
  },
  replace: {
    done: 'replaced',
    summary: 'replace a node with a new instance',
    description:
      "Replaces a node with a new instance of the configuration's image, instance type and user-data, with the same name and address, " +
      'and on AWS the same data volume. An etcd member is removed and rejoins. Refused for the primary: switch over first.',
  },
  add: {
    done: 'added',
    summary: 'add a node that is in the configuration and does not exist yet',
    description:
      'Creates its secrets and the instance, waits until it is a member, and updates all other nodes. Increase the count in the ' +
      'configuration first; etcd members are added one at a time, in pairs.',
  },
  remove: {
    done: 'removed',
    summary: 'remove a node that is no longer in the configuration',
    description:
      'Updates all other nodes, stops the node and deletes it; its data volume is kept. Decrease the count in the configuration ' +
      'first. Refused for the primary: switch over first.',
  },
};

/** `pgha nodes …`: nodes, one at a time. */
export function registerNodes(program: Command, context: CommandContext): void {
  const nodes = program
    .command('nodes')
    .summary('list, restart, reinitialize, replace, add or remove nodes')
    .description('Works on one node at a time. Refuses to stop a node that replication or the etcd quorum depends on.')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha nodes list\n  pgha nodes replace pg-2\n  pgha nodes restart etcd-1 --reboot --lab',
    );

  withPlace(nodes.command('list'), context)
    .summary('list all nodes with role, power state and member state')
    .option(...json)
    .addHelpText(...examples('nodes list', 'nodes list --json --lab'))
    .action((options: NodesOptions) =>
      withInstallation(context, options, (installation) => listNodes(context, options, installation)),
    );

  for (const name of Object.keys(verbs) as (keyof typeof verbs)[]) {
    const { summary, description } = words[name];
    const command = withPlace(nodes.command(name), context)
      .summary(summary)
      .description(description)
      .argument('<node>', 'name, for example pg-2')
      .option(...dryRun)
      .option('--json', 'print the result as JSON');
    if (name === 'restart') command.option('--reboot', 'reboot the node');
    else command.option(...yes);
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
