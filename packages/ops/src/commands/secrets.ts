import { resolve } from 'node:path';
import type { Cluster } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { withSecretStore } from '../lab/access.ts';
import { provideAuthority } from '../lab/aws.ts';
import { requireRecord } from '../lab/record.ts';
import { loginOf, withSecrets } from '../operations/deploy/aws-access.ts';
import { scopeOf } from '../operations/deploy/target.ts';
import { renewCertificates, type SecretStore, secretsInit } from '../secrets/index.ts';
import { withConfig } from './aws.ts';
import { answer, type CommandContext } from './command.ts';

interface SecretsOptions {
  config: string;
  lab?: boolean;
  json?: boolean;
}

/** `pgha secrets …`: passwords, keys and certificates in Parameter Store. Names are printed, values never. */
export function registerSecrets(program: Command, context: CommandContext): void {
  const secrets = program
    .command('secrets')
    .summary('passwords, keys and certificates in Parameter Store')
    .description('Makes and renews what machines fetch from Parameter Store. Names are printed, values never.')
    .addHelpText('after', '\nExamples:\n  pgha secrets init\n  pgha secrets renew --lab');
  const verb = (name: string, summary: string) =>
    withConfig(secrets.command(name).summary(summary).description(summary), context)
      .option('--lab', 'the lab on this computer instead of AWS')
      .option('--json', 'print JSON');

  verb('init', 'make every secret that is not there yet; nothing is ever replaced').action((options: SecretsOptions) =>
    withStore(context, options, async (cluster, store) => {
      const report = await secretsInit(cluster, store, new Date(), (name) => process.stderr.write(`made ${name}\n`));
      answer(context, options, report, ({ created, kept }) => `${created.length} made, ${kept.length} kept\n`);
    }),
  );
  verb('renew', 'renew the machine certificates that end soon or no longer fit').action((options: SecretsOptions) =>
    withStore(context, options, async (cluster, store) => {
      const renewals = await renewCertificates(cluster, store);
      answer(context, options, renewals, (list) =>
        list.length === 0
          ? 'all are current\n'
          : list.map(({ machine, verdict }) => `${machine}: ${verdict}\n`).join(''),
      );
    }),
  );
}

/** The stores of all regions as one, in the lab or on AWS. */
async function withStore(
  { settings }: CommandContext,
  options: SecretsOptions,
  work: (cluster: Cluster, store: SecretStore) => Promise<void>,
): Promise<void> {
  if (options.lab === true) {
    const { cluster } = await requireRecord(settings.labPlaces);
    const authority = await provideAuthority(settings.labPlaces);
    return withSecretStore(cluster, authority, (store) => work(cluster, store));
  }
  const cluster = await readClusterFile(resolve(options.config));
  const login = loginOf(cluster, settings.aws.hasOwnCredentials);
  const scope = scopeOf(cluster, 'primary', false);
  return withSecrets(scope, login, (store) => work(cluster, store));
}
