#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import type { CommandContext, Noun } from './commands/command.ts';
import { readSettings } from './config.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';

/** Every noun of the command line, in the order the help shows them. */
const nouns: readonly Noun[] = [
  {
    name: 'status',
    summary: 'members, replication, etcd, pooler, backups, certificates, disks',
    load: async () => (await import('./commands/status.ts')).registerStatus,
  },
  {
    name: 'switchover',
    summary: 'make another member the primary',
    load: async () => (await import('./commands/switchover.ts')).registerSwitchover,
  },
  {
    name: 'failover',
    summary: 'make a member the primary where nobody leads',
    load: async () => (await import('./commands/failover.ts')).registerFailover,
  },
  {
    name: 'migrate',
    summary: 'bring the schema up to date, as the owner',
    load: async () => (await import('./commands/migrate.ts')).registerMigrate,
  },
  {
    name: 'load',
    summary: 'write and read as a client, and check what was acknowledged',
    load: async () => (await import('./commands/load.ts')).registerLoad,
  },
  {
    name: 'connect',
    summary: 'open psql, or print where to connect',
    load: async () => (await import('./commands/connect.ts')).registerConnect,
  },
  {
    name: 'upgrade',
    summary: 'newest minor versions, one machine at a time',
    load: async () => (await import('./commands/upgrade.ts')).registerUpgrade,
  },
  {
    name: 'backup',
    summary: 'take, list and verify backups',
    load: async () => (await import('./commands/backup.ts')).registerBackup,
  },
  {
    name: 'restore',
    summary: 'bring back what was there at a second',
    load: async () => (await import('./commands/restore.ts')).registerRestore,
  },
  {
    name: 'dr',
    summary: 'the second region: status, failover, failback, drill',
    load: async () => (await import('./commands/dr.ts')).registerDr,
  },
  {
    name: 'operations',
    summary: 'who did what to this cluster, and what was cut off',
    load: async () => (await import('./commands/operations.ts')).registerOperations,
  },
  {
    name: 'lab',
    summary: 'the whole system as machines on this computer',
    load: async () => (await import('./commands/lab.ts')).registerLab,
  },
  {
    name: 'apply',
    summary: 'bring a changed configuration to the running machines',
    load: async () => (await import('./commands/apply.ts')).registerApply,
  },
  {
    name: 'api',
    summary: 'the releases of both HTTP services',
    load: async () => (await import('./commands/api.ts')).registerApi,
  },
  {
    name: 'secrets',
    summary: 'passwords, keys and certificates in Parameter Store',
    load: async () => (await import('./commands/secrets.ts')).registerSecrets,
  },
  {
    name: 'certs',
    summary: "the machines' certificates: when they end, and their renewal",
    load: async () => (await import('./commands/certs.ts')).registerCerts,
  },
  {
    name: 'archive',
    summary: 'the repositories that WAL is archived into',
    load: async () => (await import('./commands/archive.ts')).registerArchive,
  },
  {
    name: 'doctor',
    summary: 'check this computer: programs, credentials, configuration',
    load: async () => (await import('./commands/doctor.ts')).registerDoctor,
  },
  {
    name: 'cost',
    summary: 'what a month costs on AWS',
    load: async () => (await import('./commands/cost.ts')).registerCost,
  },
  {
    name: 'bootstrap',
    summary: "make what Terraform's state is kept in",
    load: async () => (await import('./commands/bootstrap.ts')).registerBootstrap,
  },
  {
    name: 'plan',
    summary: 'show what a deploy would change on AWS',
    load: async () => (await import('./commands/plan.ts')).registerPlan,
  },
  {
    name: 'deploy',
    summary: 'bring a region on AWS to what the configuration says',
    load: async () => (await import('./commands/deploy.ts')).registerDeploy,
  },
  {
    name: 'nodes',
    summary: 'machines: list, restart, build anew, replace, add, remove',
    load: async () => (await import('./commands/nodes.ts')).registerNodes,
  },
  {
    name: 'destroy',
    summary: "remove a region's machines from AWS, and keep its data",
    load: async () => (await import('./commands/destroy.ts')).registerDestroy,
  },
];

/** A reader that goes away, as `| head` does, is no failure of ours. */
function onClosedPipe(stream: NodeJS.WriteStream, closed: () => void): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed();
  });
}

/** Runs one command line and gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));
  }
  onClosedPipe(process.stdout, () => stopped.abort(new Error('nobody reads the output any more')));
  // progress only: what was begun is not cut off because nobody watches
  onClosedPipe(process.stderr, () => {});
  let code: number = exitCodes.done;
  const context: CommandContext = {
    settings: readSettings(),
    signal: stopped.signal,
    print: (text) => void process.stdout.write(text),
    exit: (value) => {
      code = value;
    },
  };
  const program = new Command('pgha')
    .description('Runs, watches and repairs a highly available PostgreSQL cluster.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 used wrongly, 3 refused.\nHelp of a part: pgha lab --help',
    );
  const wanted = argv.find((argument) => !argument.startsWith('-') && argument !== 'help');
  for (const noun of nouns) {
    // only the noun in use is loaded; the others are lines of the help
    if (noun.name === wanted) (await noun.load())(program, context);
    else program.command(noun.name).summary(noun.summary).description(noun.summary);
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const said = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      `pgha: ${stopped.signal.aborted ? `${String(stopped.signal.reason.message)}: ` : ''}${said}\n`,
    );
    return exitCodeOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
