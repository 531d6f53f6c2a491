import type { Cluster } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { bothRegions } from '../installation/installation.ts';
import { renewCertificates, type SecretStore, secretsInit } from '../secrets/index.ts';
import { answer, type CommandContext } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';

interface SecretsOptions extends PlaceOptions {
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
    withPlace(secrets.command(name).summary(summary).description(summary), context).option('--json', 'print JSON');

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

/** The stores of all regions as one, for as long as the work takes. */
async function withStore(
  context: CommandContext,
  options: SecretsOptions,
  work: (cluster: Cluster, store: SecretStore) => Promise<void>,
): Promise<void> {
  return withInstallation(context, options, ({ cluster, secrets }) => work(cluster, secrets(bothRegions(cluster))));
}
