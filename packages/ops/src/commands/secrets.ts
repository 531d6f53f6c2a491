import { nodesOf, regionsOf } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { RefusedError, UsageError } from '../exit-codes.ts';
import { hostsOf, type Installation } from '../installation/installation.ts';
import { eraseRepository } from '../operations/archive/erase.ts';
import { writeAudit } from '../operations/audit.ts';
import { runOperation } from '../operations/operation.ts';
import { actingRegion, viewRegions } from '../operations/regions.ts';
import { authorityRotation } from '../operations/secrets/authority.ts';
import { type ListedSecret, listSecrets } from '../operations/secrets/listing.ts';
import { copyNames, differingNames, splitRegions } from '../operations/secrets/mirror.ts';
import { missingSecrets, provideSecrets } from '../operations/secrets/provide.ts';
import { type NamedChange, noMemory, planChanges } from '../operations/secrets/rotate.ts';
import { changesOfAll, type Rotatable, rotatableNamed, rotatedTogether } from '../operations/secrets/rotations.ts';
import { secretsSetting } from '../operations/secrets/setting.ts';
import { readValue } from '../operations/secrets/value.ts';
import type { InitReport } from '../secrets/index.ts';
import { askConsent } from './aws.ts';
import { answer, type CommandContext, examples, table } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { describeSteps, showSteps } from './progress.ts';

interface SecretsOptions extends PlaceOptions {
  json?: boolean;
}

interface ChangeOptions extends SecretsOptions {
  all?: boolean;
  trustOnly?: boolean;
  early?: boolean;
  from?: string;
  patience?: string;
  dryRun?: boolean;
  yes?: boolean;
}

/** What a change ends with: the secrets it was about, and what a person has to know or do. */
export interface Changed {
  changed: readonly string[];
  notes: readonly string[];
}

/** What a command is about, and what a person is asked first. */
interface Choice {
  names: readonly string[];
  changes: readonly NamedChange[];
  caution: string | null;
}

/** `pgha secrets …`: passwords, keys and certificates in Parameter Store. Names are printed; values only by `show`. */
export function registerSecrets(program: Command, context: CommandContext): void {
  const secrets = program
    .command('secrets')
    .summary('passwords, keys and certificates in Parameter Store')
    .description(
      'Makes, lists and rotates what machines fetch from Parameter Store. Values are printed by "show" alone.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  pgha secrets init\n  pgha secrets list --lab\n  pgha secrets rotate app\n  pgha secrets rotate --all --yes\n  pgha secrets show api_keys',
    );
  const verb = (name: string, summary: string, description = summary) =>
    withPlace(secrets.command(name).summary(summary).description(description), context).option('--json', 'print JSON');

  verb('init', 'make every secret that is not there yet; nothing is ever replaced')
    .option('--dry-run', 'print the names of what would be made; nothing is stored')
    .addHelpText(...examples('secrets init --dry-run', 'secrets init --lab'))
    .action((options: SecretsOptions & { dryRun?: boolean }) =>
      withInstallation(context, options, async (installation) => {
        if (options.dryRun === true) return answer(context, options, await missingSecrets(installation), renderMissing);
        const report = await provideSecrets(installation, (line) => process.stderr.write(`${line}\n`));
        answer(context, options, report, ({ created, kept }) => `${created.length} made, ${kept.length} kept\n`);
      }),
    );
  verb('list', 'what there is, who uses it, how old it is, and what is due')
    .addHelpText(...examples('secrets list', 'secrets list --json'))
    .action((options: SecretsOptions) =>
      withInstallation(context, options, async (installation) => {
        answer(context, options, await listSecrets(secretsSetting(installation, []), new Date()), renderList);
      }),
    );
  verb(
    'show <name>',
    'print one value',
    'Prints one value to standard output, and leaves an audit line with its name. A name of "pgha secrets list" gives what a ' +
      'client presents (of a pair of logins the password of the one in use); a parameter gives what is stored: logins/app, passwords/app_a.',
  )
    .addHelpText(...examples('secrets show api_keys', 'secrets show passwords/app_a'))
    .action((name: string, options: SecretsOptions) =>
      withInstallation(context, options, async (installation) => {
        const value = await readValue(secretsSetting(installation, []), name);
        await auditRead(installation, `secrets show ${name}`);
        if (process.stdout.isTTY) process.stderr.write('The value stays in this terminal and its history.\n');
        answer(context, options, { name, value }, () => `${value.trimEnd()}\n`);
      }),
    );

  withChanges(
    verb(
      'rotate [name]',
      'give a secret another value, everywhere, without a failed request',
      'Gives one secret or nearly all of them another value: in the Parameter Stores, on every machine, and with whoever accepts it. ' +
        'Clients of the services and of the poolers notice nothing. A command that was cut off goes on when it is run again.',
    ),
  )
    .option('--all', 'every secret but the CA, which clients outside have to get first')
    .addHelpText(...examples('secrets rotate app', 'secrets rotate --all --dry-run', 'secrets rotate ca --trust-only'))
    .option('--trust-only', 'of the CA: stop where machines trust the new one beside the old one')
    .option('--patience <seconds>', 'how long sessions of a former login may take to end', '60')
    .action((name: string | undefined, options: ChangeOptions) =>
      changeSecrets(context, options, doingOf('rotate', name, options), (_installation) => {
        const chosen = chosenSecrets(name, options);
        const cautions = chosen.flatMap((each) => (each.caution === null ? [] : [`${each.name}: ${each.caution}`]));
        const isTrustOnly = options.trustOnly === true;
        return {
          names: chosen.map((each) => each.name),
          changes:
            options.all === true
              ? changesOfAll()
              : chosen.map((each) => ({
                  name: each.name,
                  ...(each.name === 'ca' && isTrustOnly ? authorityRotation('trusted') : each.rotate),
                })),
          caution: isTrustOnly || cautions.length === 0 ? null : cautions.join('; '),
        };
      }),
    );
  withChanges(verb('retire <name>', 'end what a rotation had to leave valid'))
    .addHelpText(...examples('secrets retire backup_passphrases'))
    .option('--early', 'of backup_passphrases: although only the former generation can restore some of the time')
    .option('--patience <seconds>', 'how long sessions of a former login may take to end', '60')
    .action((name: string, options: ChangeOptions) =>
      changeSecrets(context, options, doingOf('retire', name, options), (installation) => {
        const { old } = rotatableNamed(name);
        if (old === undefined) throw new UsageError(`a rotation of ${name} leaves nothing valid that could be retired`);
        const early = options.early === true;
        const erase = (...place: [Parameters<typeof eraseRepository>[1], string]) =>
          eraseRepository(installation, ...place);
        return {
          names: [name],
          changes: [{ name, ...old.retire({ early, erase }) }],
          caution: early ? 'what only the former generation of the repositories can restore is lost' : null,
        };
      }),
    );
  withChanges(
    verb(
      'mirror',
      "copy one region's values to the other",
      'For regions that differ although no rotation was cut off: one of them was lost while secrets were rotated in the other.',
    ),
  )
    .requiredOption('--from <region>', 'the AWS region whose values are in use')
    .addHelpText(...examples('secrets mirror --from us-west-2 --dry-run'))
    .action((options: ChangeOptions) => mirror(context, options));
}

const withChanges = (command: Command) =>
  command.option('--dry-run', 'print the steps; nothing is changed').option('--yes', 'do not ask');

function chosenSecrets(name: string | undefined, { all, trustOnly }: ChangeOptions): readonly Rotatable[] {
  if ((name === undefined) === (all !== true)) throw new UsageError('say which secret, or --all');
  if (trustOnly === true && name !== 'ca')
    throw new UsageError('--trust-only is about the CA: pgha secrets rotate ca --trust-only');
  return name === undefined ? rotatedTogether : [rotatableNamed(name)];
}

/** The command as the lock and the audit name it: the same words for the same work, whatever else was said. */
function doingOf(verb: string, name: string | undefined, { all, trustOnly, early }: ChangeOptions): string {
  const words = ['secrets', verb, name, all && '--all', trustOnly && '--trust-only', early && '--early'];
  return words.filter((word) => typeof word === 'string').join(' ');
}

/** Plans, asks, and does it as an operation. */
function changeSecrets(
  context: CommandContext,
  options: ChangeOptions,
  doing: string,
  choose: (installation: Installation) => Choice,
): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const { names, changes, caution } = choose(installation);
    const notes: string[] = [];
    const patienceMs = Number(options.patience ?? 60) * 1_000;
    if (!Number.isFinite(patienceMs)) throw new UsageError(`--patience takes seconds, not "${options.patience}"`);
    const settingFor = (signal: AbortSignal) => ({ ...secretsSetting(installation, notes, signal), patienceMs });
    const { region } = actingRegion(installation.cluster, await viewRegions(installation));
    if (options.dryRun === true) {
      return context.print(describeSteps(await planChanges(settingFor(installation.signal), changes, noMemory)));
    }
    if (caution !== null) await askConsent(`Go on, although ${caution}?`, options.yes === true);
    const changed = await runOperation(installation, region, doing, async ({ memory, signal }): Promise<Changed> => {
      await showSteps(await planChanges(settingFor(signal), changes, memory));
      return { changed: names, notes };
    });
    answer(context, options, changed, renderChanged);
  });
}

function mirror(context: CommandContext, options: ChangeOptions): Promise<void> {
  return withInstallation(context, options, async (installation) => {
    const { cluster } = installation;
    const { from, others } = splitRegions(regionsOf(cluster), options.from ?? '');
    if (from === null) {
      const names = regionsOf(cluster).map(({ awsRegion }) => awsRegion);
      throw new UsageError(`no region "${options.from}"; the regions are ${names.join(' and ')}`);
    }
    const [source, targets] = [installation.secrets([from]), others.map((region) => installation.secrets([region]))];
    const names = await differingNames(cluster, source, targets);
    const changed = { changed: names, notes: [] };
    if (options.dryRun === true || names.length === 0) return answer(context, options, changed, renderMirrored);
    await askConsent(`Replace ${names.join(', ')} by the values of ${from.awsRegion}?`, options.yes === true);
    const { region } = actingRegion(cluster, await viewRegions(installation));
    await runOperation(installation, region, `secrets mirror --from ${from.awsRegion}`, () =>
      copyNames(source, targets, names),
    );
    answer(context, options, changed, renderMirrored);
  });
}

/** @throws RefusedError when no machine takes the line: a value is not shown in secret. */
async function auditRead(installation: Installation, doing: string): Promise<void> {
  const { operator, cluster } = installation;
  const hosts = regionsOf(cluster).flatMap((region) => hostsOf(installation, region, 'etcd'));
  const taken = await writeAudit(hosts, { operator, doing, at: new Date().toISOString(), result: 'done' });
  if (taken.length === 0) {
    const names = regionsOf(cluster).flatMap((region) => nodesOf(region, 'etcd').map(({ name }) => name));
    throw new RefusedError(`none of ${names.join(', ')} took the audit line, and without one no value is shown`);
  }
}

function renderList(listed: readonly ListedSecret[]): string {
  return table(
    ['SECRET', 'CHANGED', 'AGE', 'STATE', 'MACHINES', 'PRESENTED BY'],
    listed.map(({ name, changedAt, ageDays, machines, use, ...state }) => [
      name,
      changedAt?.slice(0, 10) ?? '-',
      ageDays === null ? '-' : `${ageDays} days`,
      describeState(name, state),
      `${machines.length}`,
      use,
    ]),
  );
}

function renderMissing({ created, kept }: InitReport): string {
  return `${created.map((name) => `would make ${name}\n`).join('')}${created.length} to make, ${kept.length} there\n`;
}

function describeState(name: string, state: Pick<ListedSecret, 'isDue' | 'isOldValid' | 'isMirrored'>): string {
  if (!state.isMirrored) return 'regions differ';
  if (state.isOldValid) return `old one valid: retire ${name}`;
  return state.isDue ? 'due' : 'current';
}

function renderChanged({ changed, notes }: Changed): string {
  return `changed: ${changed.join(', ')}\n${notes.map((note) => `! ${note}\n`).join('')}`;
}

function renderMirrored({ changed }: Changed): string {
  return changed.length === 0 ? 'the regions have the same values\n' : changed.map((name) => `${name}\n`).join('');
}
