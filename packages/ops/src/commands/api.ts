import { join } from 'node:path';
import type { Command } from 'commander';
import { buildRelease, type Release } from '../artifact/release.ts';
import { createLocalHost } from '../hosts/local.ts';
import { hostsOf } from '../installation/installation.ts';
import {
  type ApiServerState,
  type ApiServers,
  planApiDeploy,
  planApiRollback,
  readApiStates,
} from '../operations/api-release.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { answer, type CommandContext, dryRun, examples, json, table } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface ApiOptions extends PlaceOptions {
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha api …`: the releases of both HTTP services. */
export function registerApi(program: Command, context: CommandContext): void {
  const api = program
    .command('api')
    .summary('deploy, roll back or inspect the two HTTP services')
    .description(
      'Deploys both HTTP services to the API servers node by node, or rolls back to the previous release, without failed requests.',
    )
    .addHelpText('after', '\nExamples:\n  pgha api deploy\n  pgha api deploy --lab\n  pgha api rollback --lab');
  const verb = (name: string, summary: string) =>
    withPlace(api.command(name).summary(summary).description(summary), context).option(...json);
  const changing = (name: string, summary: string) => verb(name, summary).option(...dryRun);
  const show = (options: ApiOptions, states: readonly ApiServerState[]) =>
    answer(context, options, states, renderStates);

  changing('deploy', 'build both services from this checkout and deploy them to every API server')
    .addHelpText(...examples('api deploy', 'api deploy --lab'))
    .action((options: ApiOptions) =>
      withServers(context, options, async (servers, alone) => {
        const { workspace } = context.settings;
        const built: { release: Release | null } = { release: null };
        const release = () => {
          if (built.release === null) throw new Error('the release has not been built');
          return built.release;
        };
        const cache = join(workspace, 'node_modules/.cache/pgha-releases');
        const steps = [
          {
            title: 'Build the release of both services',
            run: async () => {
              built.release = await buildRelease(createLocalHost(workspace), workspace, cache, process.execPath);
            },
          },
          ...planApiDeploy(() => servers, release),
        ];
        if (options.dryRun === true) return context.print(describeSteps(steps));
        await alone('api deploy', () => showSteps(steps));
        show(options, await readApiStates(servers));
      }),
    );
  changing('rollback', 'roll back to the previous release')
    .addHelpText(...examples('api rollback --dry-run', 'api rollback --lab'))
    .action((options: ApiOptions) =>
      withServers(context, options, async (servers, alone) => {
        const plan = async () => planApiRollback(servers, await readApiStates(servers));
        if (options.dryRun === true) return context.print(describeSteps(await plan()));
        await alone('api rollback', async () => showSteps(await plan()));
        show(options, await readApiStates(servers));
      }),
    );
  verb('status', 'show the release that each API server runs')
    .addHelpText(...examples('api status', 'api status --json'))
    .action((options: ApiOptions) =>
      withServers(context, options, async (servers) => show(options, await readApiStates(servers))),
    );
}

/** Does something as the only operation on the cluster. */
type Alone = <T>(doing: string, work: () => Promise<T>) => Promise<T>;

/** The primary region's API servers, for as long as the work takes. */
async function withServers(
  context: CommandContext,
  options: ApiOptions,
  work: (servers: ApiServers, alone: Alone) => Promise<void>,
): Promise<void> {
  return withInstallation(context, options, (installation) => {
    const alone: Alone = async (doing, alter) => {
      const { region } = actingRegion(installation.cluster, await viewRegions(installation));
      return runOperation(installation, region, doing, alter);
    };
    const { primary } = installation.cluster;
    const hosts = hostsOf(installation, primary, 'api');
    const bucket = installation.site(primary).artifactBucket;
    return work({ hosts, s3: installation.s3(primary), bucket }, alone);
  });
}

function renderStates(states: readonly ApiServerState[]): string {
  return table(
    ['SERVER', 'CURRENT', 'PREVIOUS'],
    states.map(({ server, current, previous }) => [server, current ?? '-', previous ?? '-']),
  );
}
