import { type ClusterInput, type Durability, defineCluster } from '@pgha/infra/cluster';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { RefusedError } from '../exit-codes.ts';
import { labCidr } from '../lab/addresses.ts';
import { removeLab } from '../lab/down.ts';
import { enterMachine, isRunning, readConsole } from '../lab/entry.ts';
import { removeImages } from '../lab/image.ts';
import { withLabLock } from '../lab/lock.ts';
import { machineNamed, restartMachine, stopMachine } from '../lab/power.ts';
import { checkSurroundings } from '../lab/preflight.ts';
import { readRecord, requireRecord, writeRecord } from '../lab/record.ts';
import { readLabStatus } from '../lab/status.ts';
import { type LabChoice, planUp } from '../lab/up.ts';
import { answer, type CommandContext, examples, json } from './command.ts';
import { registerLabMeasure } from './lab-measure.ts';
import { renderLabStatus } from './lab-report.ts';
import { showSteps } from './progress.ts';

/** `pgha lab …`: the cluster's own machines, booted on this computer. */
export function registerLab(program: Command, context: CommandContext): void {
  const { labPlaces: places, searchPath, workspace } = context.settings;
  const lab = program
    .command('lab')
    .summary('run the complete system on this computer (Linux, as root)')
    .description(
      'Boots every node of a cluster as a machine on this computer, from the user-data that EC2 would give it. Requires Linux and root.',
    )
    .addHelpText('after', labExamples);

  const bringUp = async (choice: LabChoice) => {
    const cluster = defineCluster(choice.input);
    const around = { platform: process.platform, userId: process.getuid?.() ?? null, path: searchPath };
    await checkSurroundings(places, cluster, around);
    await withLabLock(places, 'up', () => showSteps(planUp(places, choice, workspace, context.signal)));
  };
  const showStatus = async (options: { json?: boolean }) =>
    answer(context, options, await readLabStatus(places), renderLabStatus);

  lab
    .command('up')
    .summary('build the image if needed, boot all machines, wait until writes succeed')
    .description(
      'Builds the machine image if needed, boots all machines, and returns when writes through the load balancer succeed.',
    )
    .addOption(
      new Option('--nodes <count>', 'number of PostgreSQL nodes in the primary region').argParser(nodeCount).default(2),
    )
    .option('--dr', 'add a DR region behind a routed link')
    .option('--dr-api', 'add a DR region with its own API server')
    .addOption(
      new Option(
        '--durability <promise>',
        'durability of acknowledged writes (default: available with 2 nodes, zero-loss with 3)',
      ).choices(['zero-loss', 'available']),
    )
    .option('--data-volumes', 'give every database node its own data volume, which can be filled')
    .option('--no-monitoring', 'do not boot the monitoring node')
    .option('--json', 'print the result as JSON')
    .addHelpText(...examples('lab up', 'lab up --nodes 3 --dr'))
    .action(async (options: UpOptions) => {
      const there = await readRecord(places);
      if (there?.phase === 'up') {
        throw new RefusedError(
          'a lab is already running. Show it with "pgha lab status"; stop it with "pgha lab down"',
        );
      }
      await bringUp({ input: labInput(options), dataVolumes: options.dataVolumes === true });
      await showStatus(options);
    });

  lab
    .command('status')
    .summary('show machines, members, load balancers and URLs')
    .option(...json)
    .addHelpText(...examples('lab status', 'lab status --json'))
    .action(showStatus);

  lab
    .command('exec')
    .summary('run a command or open a shell on a machine')
    .argument('<machine>', 'name, as shown by "pgha lab status"')
    .argument('[command...]', 'command to run (default: a login shell)')
    .passThroughOptions()
    .addHelpText(...examples('lab exec pg-1', 'lab exec pg-1 -- patronictl -c /etc/patroni/config list'))
    .action(async (name: string, words: string[]) => {
      const machine = machineNamed(await requireRecord(places), name);
      // options behind the machine are the command's own, with or without the customary "--" before it
      const argv = words[0] === '--' ? words.slice(1) : words;
      context.exit(await enterMachine(machine, argv.length === 0 ? ['bash', '--login'] : argv));
    });

  lab
    .command('logs')
    .summary('show the journal of a machine, or its console while it is off')
    .argument('<machine>', 'name, as shown by "pgha lab status"')
    .option('-f, --follow', 'follow the journal')
    .option('-u, --unit <unit>', 'show only this systemd unit')
    .option('-n, --lines <count>', 'number of lines', '200')
    .addHelpText(...examples('lab logs pg-1', 'lab logs api-1 --unit pgha-api.service --follow'))
    .action(async (name: string, options: { follow?: boolean; unit?: string; lines: string }) => {
      const machine = machineNamed(await requireRecord(places), name);
      if (!(await isRunning(machine))) return context.print(await readConsole(places, machine));
      const unit = options.unit === undefined ? [] : ['-u', options.unit];
      const follow = options.follow === true ? ['-f'] : [];
      context.exit(await enterMachine(machine, ['journalctl', '--no-pager', '-n', options.lines, ...unit, ...follow]));
    });

  lab
    .command('stop')
    .summary('stop a machine')
    .argument('<machine>', 'name, as shown by "pgha lab status"')
    .option('--power-cut', 'simulate a host failure instead of shutting down')
    .addHelpText(...examples('lab stop pg-2', 'lab stop pg-1 --power-cut'))
    .action(async (name: string, options: { powerCut?: boolean }) => {
      await stopMachine(places, name, options.powerCut === true ? 'power-cut' : 'shut-down');
    });

  lab
    .command('start')
    .summary('start a stopped machine with its disk')
    .argument('<machine>', 'name, as shown by "pgha lab status"')
    .addHelpText(...examples('lab start pg-1'))
    .action((name: string) => restartMachine(places, name));

  lab
    .command('down')
    .summary('stop and delete all machines; the image is kept')
    .option('--images', 'also delete the images')
    .addHelpText(...examples('lab down', 'lab down --images'))
    .action(async (options: { images?: boolean }) => {
      await withLabLock(places, 'down', async () => {
        const otherFolder = await removeLab(places);
        if (otherFolder !== null)
          context.print(`not stopped: the lab in ${otherFolder}, which has its own "pgha lab down"\n`);
        if (options.images === true) await removeImages(places);
      });
    });

  lab
    .command('reset')
    .summary('recreate the same lab with empty disks')
    .option('--json', 'print the result as JSON')
    .addHelpText(...examples('lab reset'))
    .action(async (options: { json?: boolean }) => {
      const { input, dataVolumes = false } = await requireRecord(places);
      await bringUp({ input, dataVolumes });
      await showStatus(options);
    });

  lab
    .command('resize')
    .summary('change the number of nodes in the configuration of the lab')
    .description(
      'Changes only the configuration of the lab, as editing pgha.config.ts does; "pgha nodes add" and "pgha nodes remove" then change the machines.',
    )
    .addOption(new Option('--nodes <count>', 'number of PostgreSQL nodes in the primary region').argParser(nodeCount))
    .addOption(new Option('--etcd <count>', 'number of etcd nodes in the primary region').argParser(etcdCount))
    .addHelpText(...examples('lab resize --nodes 3', 'lab resize --etcd 5'))
    .action(async ({ nodes, etcd }: { nodes?: 2 | 3; etcd?: 3 | 5 }) => {
      const record = await requireRecord(places);
      const primary = {
        ...record.input.primary,
        ...(nodes === undefined ? {} : { postgres: nodes }),
        ...(etcd === undefined ? {} : { etcd }),
      };
      // what an acknowledged write is worth does not change with the number of machines
      const input = { ...record.input, primary, durability: record.cluster.durability };
      await writeRecord(places, { ...record, input, cluster: defineCluster(input) });
    });

  registerLabMeasure(lab, context);
}

interface UpOptions {
  nodes: 2 | 3;
  dr?: boolean;
  drApi?: boolean;
  durability?: Durability;
  monitoring: boolean;
  dataVolumes?: boolean;
  json?: boolean;
}

/** The default cluster, in an environment of its own, open to this machine. */
function labInput({ nodes, dr, drApi, durability, monitoring }: UpOptions): ClusterInput {
  return {
    environment: 'lab',
    primary: { postgres: nodes },
    ...(drApi === true ? { dr: { apiServer: true } } : dr === true ? {} : { dr: null }),
    ...(durability === undefined ? {} : { durability }),
    monitoring,
    adminCidrs: [labCidr],
  };
}

function etcdCount(text: string): 3 | 5 {
  if (text !== '3' && text !== '5') throw new InvalidArgumentError('Allowed: 3 or 5.');
  return text === '3' ? 3 : 5;
}

function nodeCount(text: string): 2 | 3 {
  if (text !== '2' && text !== '3') throw new InvalidArgumentError('Allowed: 2 or 3.');
  return text === '2' ? 2 : 3;
}

const labExamples = `
Examples:
  pgha lab up --nodes 3 --dr
  pgha lab exec pg-1 -- patronictl -c /etc/patroni/config list
  pgha lab logs api-1 --unit pgha-api.service --follow
  pgha lab stop pg-1 --power-cut
  pgha lab down`;
