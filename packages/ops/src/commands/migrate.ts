import type { Command } from 'commander';
import { RefusedError } from '../exit-codes.ts';
import { hostsOf } from '../installation/installation.ts';
import { planMigration } from '../operations/migrate.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { answer, type CommandContext, dryRun } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface MigrateOptions extends PlaceOptions {
  release?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha migrate`: the schema, by command and as the owner; the services only check its version. */
export function registerMigrate(program: Command, context: CommandContext): void {
  withPlace(program.command('migrate'), context)
    .summary('apply pending schema migrations')
    .description(
      'Applies the pending migrations of a release as the schema owner. Runs on an API server, which has the release and access to ' +
        'the database. A deploy runs it before it starts the services.',
    )
    .option('--release <version>', 'release whose migrations to apply (default: the running release)')
    .option(...dryRun)
    .option('--json', 'print the applied migrations as JSON')
    .addHelpText('after', '\nExamples:\n  pgha migrate\n  pgha migrate --lab')
    .action((options: MigrateOptions) =>
      withInstallation(context, options, async (installation) => {
        const { cluster } = installation;
        const { region } = actingRegion(cluster, await viewRegions(installation));
        const [host] = hostsOf(installation, region, 'api');
        if (host === undefined) {
          throw new RefusedError(
            `${region.awsRegion} has no API server, where migrations run. ` +
              'Add one to the configuration (dr: { apiServer: true }), then run: pgha deploy dr',
          );
        }
        const applied: string[] = [];
        const steps = planMigration(installation, region, host, options.release ?? null, applied);
        if (options.dryRun === true) return context.print(describeSteps(steps));
        await runOperation(installation, region, 'migrate', () => showSteps(steps));
        answer(context, options, { applied }, (value) =>
          value.applied.length === 0
            ? 'the schema is up to date\n'
            : value.applied.map((name) => `applied ${name}\n`).join(''),
        );
      }),
    );
}
