import { resolve } from 'node:path';
import { allNodes, regionOf, regionsOf } from '@pgha/infra/cluster';
import { awsSite } from '@pgha/infra/machines';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import type { Host } from '../hosts/host.ts';
import { createSsmHost } from '../hosts/ssm.ts';
import { provideAuthority } from '../lab/aws.ts';
import { findControlGroups } from '../lab/control-groups.ts';
import { labHost } from '../lab/machines.ts';
import { requireRecord } from '../lab/record.ts';
import { labSite } from '../lab/site.ts';
import {
  compareMachines,
  type Enterable,
  isDifferent,
  type MachineDifference,
  planApply,
} from '../operations/apply.ts';
import { loginOf, whoAmI, withRegion } from '../operations/deploy/aws-access.ts';
import { askConsent, withConfig } from './aws.ts';
import { answer, type CommandContext } from './command.ts';
import { showSteps } from './progress.ts';

interface ApplyOptions {
  config: string;
  lab?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `pgha apply`: brings a changed cluster value, or changed renderers, to machines that run. */
export function registerApply(program: Command, context: CommandContext): void {
  withConfig(
    program
      .command('apply')
      .summary('bring a changed configuration to the running machines')
      .description(
        'Shows what differs, file by file, then changes one machine at a time: replicas first, primaries last.',
      ),
    context,
  )
    .option('--lab', 'the lab on this computer instead of AWS')
    .option('--dry-run', 'show the differences and change nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'print the differences as JSON')
    .addHelpText('after', '\nExamples:\n  pgha apply --dry-run\n  pgha apply --lab --yes')
    .action((options: ApplyOptions) =>
      withMachines(context, options, async (cluster, machines) => {
        const differences = (await compareMachines(cluster, machines)).filter(isDifferent);
        answer(context, options, differences, renderDifferences);
        if (differences.length === 0 || options.dryRun === true) return;
        await askConsent(`Change ${differences.map(({ machine }) => machine).join(', ')}?`, options.yes === true);
        await showSteps(await planApply(cluster, machines, differences));
      }),
    );
}

type Work = (cluster: Parameters<typeof compareMachines>[0], machines: readonly Enterable[]) => Promise<void>;

/** Every machine of the cluster, in the lab or on AWS, for as long as the work takes. */
async function withMachines({ settings }: CommandContext, options: ApplyOptions, work: Work): Promise<void> {
  if (options.lab === true) {
    const { cluster } = await requireRecord(settings.labPlaces);
    const groups = await findControlGroups();
    const authority = await provideAuthority(settings.labPlaces);
    const machines = allNodes(cluster).map((node) => ({
      node,
      host: labHost(groups, node.name),
      site: labSite(cluster, regionOf(cluster, node), authority),
    }));
    return work(cluster, machines);
  }
  const cluster = await readClusterFile(resolve(options.config));
  const login = loginOf(cluster, settings.aws.hasOwnCredentials);
  const { account } = await whoAmI(login, cluster.primary.awsRegion);
  // a region's clients live as long as the work, so the regions are opened one inside the other
  const open = regionsOf(cluster).reduceRight<(hosts: ReadonlyMap<string, Host>) => Promise<void>>(
    (next, region) => (hosts) =>
      withRegion(cluster, region, { login, account }, (services) =>
        next(
          new Map([
            ...hosts,
            ...region.nodes.map((node) => [node.name, createSsmHost(cluster, node, services)] as const),
          ]),
        ),
      ),
    (hosts) =>
      work(
        cluster,
        allNodes(cluster).flatMap((node) => {
          const host = hosts.get(node.name);
          return host === undefined ? [] : [{ node, host, site: awsSite(cluster, regionOf(cluster, node), account) }];
        }),
      ),
  );
  return open(new Map());
}

function renderDifferences(differences: readonly MachineDifference[]): string {
  if (differences.length === 0) return 'every machine is what the configuration says\n';
  return differences
    .map(({ machine, packages, files, removed, actions, units }) => {
      const lines = [
        ...packages.map((name) => `  install ${name}`),
        ...removed.map((path) => `  remove ${path}`),
        ...Object.entries(actions).map(([unit, action]) => `  ${action} ${unit}`),
        ...units.map((unit) => `  settle ${unit}`),
      ];
      return `${machine}\n${lines.map((line) => `${line}\n`).join('')}${files.map(({ diff }) => diff).join('')}`;
    })
    .join('\n');
}
