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
import { answer, type CommandContext, examples } from './command.ts';
import { registerLabMeasure } from './lab-measure.ts';
import { renderLabStatus } from './lab-report.ts';
import { showSteps } from './progress.ts';

/** `pgha lab …`: the cluster's own machines, booted on this computer. */
export function registerLab(program: Command, context: CommandContext): void {
  const { labPlaces: places, searchPath, workspace } = context.settings;
  const lab = program
    .command('lab')
    .summary('the whole system as machines on this computer')
    .description(
      'Boots every machine of a cluster on this computer, from the user-data that EC2 would give it. Needs Linux and root.',
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
    .summary('build the image once, boot everything, wait until writes succeed')
    .description('Builds the image once, boots everything, and returns when writes through the load balancer succeed.')
    .addOption(
      new Option('--nodes <count>', 'PostgreSQL machines of the primary region').argParser(nodeCount).default(2),
    )
    .option('--dr', 'a second region behind a routed link')
    .option('--dr-api', 'a second region with an API server of its own')
    .addOption(
      new Option('--durability <promise>', 'what an acknowledged write is worth').choices(['zero-loss', 'available']),
    )
    .option('--data-volumes', 'give every database machine a data volume of its own, which can be filled')
    .option('--no-monitoring', 'leave the monitoring machine out')
    .option('--json', 'print the status as JSON')
    .addHelpText(...examples('lab up', 'lab up --nodes 3 --dr'))
    .action(async (options: UpOptions) => {
      const there = await readRecord(places);
      if (there?.phase === 'up') {
        throw new RefusedError('a lab is running; look at it with "pgha lab status", end it with "pgha lab down"');
      }
      await bringUp({ input: labInput(options), dataVolumes: options.dataVolumes === true });
      await showStatus(options);
    });

  lab
    .command('status')
    .summary('machines, members, load balancer and URLs')
    .option('--json', 'print JSON')
    .addHelpText(...examples('lab status', 'lab status --json'))
    .action(showStatus);

  lab
    .command('exec')
    .summary('run a command on a machine, or a shell')
    .argument('<machine>', 'its name, as "pgha lab status" shows it')
    .argument('[command...]', 'the command; a login shell without one')
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
    .summary('the journal of a machine; its console while it is off')
    .argument('<machine>', 'its name')
    .option('-f, --follow', 'go on as it is written')
    .option('-u, --unit <unit>', 'one unit only')
    .option('-n, --lines <count>', 'the last lines', '200')
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
    .summary('switch a machine off')
    .argument('<machine>', 'its name')
    .option('--power-cut', 'pull the plug instead of shutting down')
    .addHelpText(...examples('lab stop pg-2', 'lab stop pg-1 --power-cut'))
    .action(async (name: string, options: { powerCut?: boolean }) => {
      await stopMachine(places, name, options.powerCut === true ? 'power-cut' : 'shut-down');
    });

  lab
    .command('start')
    .summary('switch a machine on again, with the disk it had')
    .argument('<machine>', 'its name')
    .addHelpText(...examples('lab start pg-1'))
    .action((name: string) => restartMachine(places, name));

  lab
    .command('down')
    .summary('end everything and leave nothing behind but the image')
    .option('--images', 'remove the images too')
    .addHelpText(...examples('lab down', 'lab down --images'))
    .action(async (options: { images?: boolean }) => {
      await withLabLock(places, 'down', async () => {
        const otherFolder = await removeLab(places);
        if (otherFolder !== null)
          context.print(`left alone: the lab in ${otherFolder}, which has its own "pgha lab down"\n`);
        if (options.images === true) await removeImages(places);
      });
    });

  lab
    .command('reset')
    .summary('boot the same lab again with fresh disks')
    .option('--json', 'print the status as JSON')
    .addHelpText(...examples('lab reset'))
    .action(async (options: { json?: boolean }) => {
      const { input, dataVolumes = false } = await requireRecord(places);
      await bringUp({ input, dataVolumes });
      await showStatus(options);
    });

  lab
    .command('resize')
    .summary('change how many machines the lab is meant to have')
    .description(
      "Changes the lab's configuration, as a person edits pgha.config.ts, and nothing else: pgha nodes add and remove make it so.",
    )
    .addOption(new Option('--nodes <count>', 'PostgreSQL machines of the primary region').argParser(nodeCount))
    .addOption(new Option('--etcd <count>', 'etcd machines of the primary region').argParser(etcdCount))
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
  if (text !== '3' && text !== '5') throw new InvalidArgumentError('It is 3 or 5.');
  return text === '3' ? 3 : 5;
}

function nodeCount(text: string): 2 | 3 {
  if (text !== '2' && text !== '3') throw new InvalidArgumentError('It is 2 or 3.');
  return text === '2' ? 2 : 3;
}

const labExamples = `
Examples:
  pgha lab up --nodes 3 --dr
  pgha lab exec pg-1 -- patronictl -c /etc/patroni/config list
  pgha lab logs api-1 --unit pgha-api.service --follow
  pgha lab stop pg-1 --power-cut
  pgha lab down`;
