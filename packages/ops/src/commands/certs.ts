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
import { answer, type CommandContext, examples, table } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface CertsOptions extends PlaceOptions {
  all?: boolean;
  machine?: string;
  newKeys?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha certs …`: when the machines' certificates end, and their renewal. */
export function registerCerts(program: Command, context: CommandContext): void {
  const certs = program
    .command('certs')
    .summary("the machines' certificates: when they end, and their renewal")
    .addHelpText(
      'after',
      '\nExamples:\n  pgha certs list\n  pgha certs renew --lab\n  pgha certs renew --machine pg-2 --new-keys',
    );
  const verb = (name: string, summary: string, description: string) =>
    withPlace(certs.command(name).summary(summary).description(description), context).option('--json', 'print JSON');

  verb(
    'list',
    'when each certificate ends, where it is stored and where it is shown',
    "Asks every machine for its files and for what its servers show, and compares with Parameter Store's.",
  )
    .addHelpText(...examples('certs list', 'certs list --json'))
    .action((options: CertsOptions) =>
      withInstallation(context, options, async (installation) => {
        answer(context, options, await listCertificates(secretsSetting(installation, []), new Date()), renderList);
      }),
    );
  verb(
    'renew',
    'renew certificates that end soon or no longer fit',
    'Issues certificates, lets one machine after the other fetch its own, and sees that every server shows the new one. ' +
      'Without --all and --machine only what ends within 60 days or no longer fits its machine is renewed.',
  )
    .option('--all', 'every machine')
    .option('--machine <name>', 'this machine, whatever its certificate is like')
    .option('--new-keys', 'for new keys; without it the machines keep theirs')
    .option('--dry-run', 'print the steps; nothing is changed')
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
          names.length === 0 ? 'all are current\n' : names.map((name) => `${name}: renewed\n`).join(''),
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
  if (all === true && machine !== undefined) throw new UsageError('say --all or --machine, not both');
  if (machine !== undefined) return [nodeNamed(setting.cluster, machine)];
  if (newKeys === true && all !== true) throw new UsageError('--new-keys needs --all or --machine');
  const nodes = await machinesInOrder(setting);
  if (all === true) return nodes;
  const verdicts = await judgeMachines(setting, allNodes(setting.cluster), new Date());
  return nodes.filter(({ name }) => verdicts.get(name) !== 'current');
}

function renderList(listed: readonly ListedCertificate[]): string {
  return table(
    ['MACHINE', 'WHERE', 'ENDS', 'STATE'],
    listed.map(({ machine, where, notAfter, state }) => [machine, where, notAfter?.slice(0, 10) ?? '-', state]),
  );
}
