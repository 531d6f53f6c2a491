import { allNodes, type Node, nodeNamed } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { type ListedCertificate, listCertificates } from '../operations/secrets/certificate-list.ts';
import { judgeMachines, renewal } from '../operations/secrets/certificates.ts';
import { machinesInOrder } from '../operations/secrets/machines.ts';
import { noMemory, planChanges } from '../operations/secrets/rotate.ts';
import { type SecretsSetting, secretsSetting } from '../operations/secrets/setting.ts';
import { answer, type CommandContext, dryRun, examples, json, table } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface CertsOptions extends PlaceOptions {
  all?: boolean;
  machine?: string;
  newKeys?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha certs …`: expiry and renewal of the TLS certificates. */
export function registerCerts(program: Command, context: CommandContext): void {
  const certs = program
    .command('certs')
    .summary('list and renew TLS certificates')
    .description('Lists the TLS certificates of all nodes with their expiry, and renews them.')
    .addHelpText(
      'after',
      '\nExamples:\n  pgha certs list\n  pgha certs renew --lab\n  pgha certs renew --machine pg-2 --new-keys',
    );
  const verb = (name: string, summary: string, description: string) =>
    withPlace(certs.command(name).summary(summary).description(description), context).option(...json);

  verb(
    'list',
    'list certificates with expiry, where they are stored and which servers present them',
    'Reads the certificate files of every node and what its servers present, and compares them with Parameter Store.',
  )
    .addHelpText(...examples('certs list', 'certs list --json'))
    .action((options: CertsOptions) =>
      withInstallation(context, options, async (installation) => {
        answer(context, options, await listCertificates(secretsSetting(installation, []), new Date()), renderList);
      }),
    );
  verb(
    'renew',
    'renew certificates that expire soon or do not match their node',
    'Issues certificates, installs them node by node, and checks that every server presents the new one. Without --all and ' +
      '--machine, renews only certificates that expire within 60 days or do not match their node.',
  )
    .option('--all', 'renew the certificates of every node')
    .option('--machine <name>', 'renew the certificate of this node even if it is valid')
    .option('--new-keys', 'generate new private keys (default: keep the keys)')
    .option(...dryRun)
    .addHelpText(...examples('certs renew', 'certs renew --machine pg-2 --new-keys', 'certs renew --all --dry-run'))
    .action((options: CertsOptions) =>
      withInstallation(context, options, async (installation) => {
        const look = secretsSetting(installation, []);
        const { region } = actingRegion(installation.cluster, await viewRegions(installation));
        if (options.dryRun === true) {
          const nodes = await chooseMachines(look, options);
          return context.print(
            describeSteps(await planChanges(look, [renewal(nodes, options.newKeys === true)], noMemory)),
          );
        }
        const renewed = await runOperation(installation, region, doingOf(options), async ({ memory, signal }) => {
          const setting = secretsSetting(installation, [], signal);
          const chosen =
            memory.recall('machines') ?? (await chooseMachines(setting, options)).map(({ name }) => name).join(' ');
          if (chosen === '') return [];
          const names = (await memory.choose('machines', () => chosen)).split(' ');
          const nodes = names.map((name) => nodeNamed(installation.cluster, name));
          await showSteps(await planChanges(setting, [renewal(nodes, options.newKeys === true)], memory));
          return names;
        });
        answer(context, options, renewed, (names) =>
          names.length === 0 ? 'all certificates are up to date\n' : names.map((name) => `${name}: renewed\n`).join(''),
        );
      }),
    );
}

function doingOf({ all, machine, newKeys }: CertsOptions): string {
  const words = ['certs renew', all && '--all', machine && `--machine ${machine}`, newKeys && '--new-keys'];
  return words.filter((word) => typeof word === 'string').join(' ');
}

async function chooseMachines(setting: SecretsSetting, options: CertsOptions): Promise<readonly Node[]> {
  const { all, machine, newKeys } = options;
  if (all === true && machine !== undefined) throw new UsageError('--all and --machine cannot be combined');
  if (machine !== undefined) return [nodeNamed(setting.cluster, machine)];
  if (newKeys === true && all !== true) throw new UsageError('--new-keys needs --all or --machine');
  const nodes = await machinesInOrder(setting);
  if (all === true) return nodes;
  const verdicts = await judgeMachines(setting, allNodes(setting.cluster), new Date());
  return nodes.filter(({ name }) => verdicts.get(name) !== 'current');
}

function renderList(listed: readonly ListedCertificate[]): string {
  return table(
    ['NODE', 'WHERE', 'EXPIRES', 'STATE'],
    listed.map(({ machine, where, notAfter, state }) => [machine, where, notAfter?.slice(0, 10) ?? '-', state]),
  );
}
