import { join, resolve } from 'node:path';
import { nodesOf } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { buildRelease, type Release } from '../artifact/release.ts';
import { readClusterFile } from '../cluster-file.ts';
import { createLocalHost } from '../hosts/local.ts';
import { createSsmHost } from '../hosts/ssm.ts';
import { provideAuthority, s3Client } from '../lab/aws.ts';
import { findControlGroups } from '../lab/control-groups.ts';
import { labHost } from '../lab/machines.ts';
import { requireRecord } from '../lab/record.ts';
import { labBucket } from '../lab/site.ts';
import {
  type ApiServerState,
  type ApiServers,
  planApiDeploy,
  readApiStates,
  rollBackApi,
} from '../operations/api-release.ts';
import { loginOf, whoAmI, withRegion } from '../operations/deploy/aws-access.ts';
import { withConfig } from './aws.ts';
import { answer, type CommandContext, table } from './command.ts';
import { showSteps } from './progress.ts';

interface ApiOptions {
  config: string;
  lab?: boolean;
  json?: boolean;
}

/** `pgha api …`: the releases of both HTTP services. */
export function registerApi(program: Command, context: CommandContext): void {
  const api = program
    .command('api')
    .summary('the releases of both HTTP services')
    .description(
      'Deploys both HTTP services to the API servers, or brings the release before back. No request fails meanwhile.',
    )
    .addHelpText('after', '\nExamples:\n  pgha api deploy\n  pgha api deploy --lab\n  pgha api rollback --lab');
  const verb = (name: string, summary: string) =>
    withConfig(api.command(name).summary(summary).description(summary), context)
      .option('--lab', 'the lab on this computer instead of AWS')
      .option('--json', 'print JSON');
  const show = (options: ApiOptions, states: readonly ApiServerState[]) =>
    answer(context, options, states, renderStates);

  verb('deploy', 'build this checkout’s services and bring them to every API server').action((options: ApiOptions) =>
    withServers(context, options, async (servers) => {
      const { workspace } = context.settings;
      const built: { release: Release | null } = { release: null };
      const release = () => {
        if (built.release === null) throw new Error('the release has not been built');
        return built.release;
      };
      const cache = join(workspace, 'node_modules/.cache/pgha-releases');
      await showSteps([
        {
          title: 'Release of both services',
          run: async () => {
            built.release = await buildRelease(createLocalHost(workspace), workspace, cache, process.execPath);
          },
        },
        ...planApiDeploy(() => servers, release),
      ]);
      show(options, await readApiStates(servers));
    }),
  );
  verb('rollback', 'bring back the release that ran before').action((options: ApiOptions) =>
    withServers(context, options, async (servers) => show(options, await rollBackApi(servers))),
  );
  verb('status', 'what each API server runs').action((options: ApiOptions) =>
    withServers(context, options, async (servers) => show(options, await readApiStates(servers))),
  );
}

/** The primary region's API servers, in the lab or on AWS, for as long as the work takes. */
async function withServers(
  { settings }: CommandContext,
  options: ApiOptions,
  work: (servers: ApiServers) => Promise<void>,
): Promise<void> {
  if (options.lab === true) {
    const { cluster } = await requireRecord(settings.labPlaces);
    const groups = await findControlGroups();
    const s3 = s3Client(cluster.primary, await provideAuthority(settings.labPlaces));
    const hosts = nodesOf(cluster.primary, 'api').map(({ name }) => labHost(groups, name));
    const bucket = labBucket(cluster, cluster.primary, 'artifacts');
    return work({ hosts, s3, bucket }).finally(() => s3.destroy());
  }
  const cluster = await readClusterFile(resolve(options.config));
  const login = loginOf(cluster, settings.aws.hasOwnCredentials);
  const { account } = await whoAmI(login, cluster.primary.awsRegion);
  return withRegion(cluster, cluster.primary, { login, account }, (services) => {
    const hosts = nodesOf(cluster.primary, 'api').map((node) => createSsmHost(cluster, node, services));
    return work({ hosts, s3: services.s3, bucket: services.artifactBucket });
  });
}

function renderStates(states: readonly ApiServerState[]): string {
  return table(
    ['SERVER', 'RUNS', 'BEFORE'],
    states.map(({ server, current, previous }) => [server, current ?? '-', previous ?? '-']),
  );
}
