import { nodesOf, regionsOf } from '@pgha/infra/cluster';
import { type Command, Option } from 'commander';
import { RefusedError, UsageError } from '../exit-codes.ts';
import { hostsOf, type Installation } from '../installation/installation.ts';
import { eraseRepository } from '../operations/archive/erase.ts';
import { writeAudit } from '../operations/engine/audit.ts';
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
import { answer, type CommandContext, dryRun, examples, json, table, yes } from './command.ts';
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
  gracePeriod?: string;
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
    .summary('list, show, rotate and revoke passwords, API keys and passphrases')
    .description(
      'Creates, lists and rotates the secrets that nodes read from Parameter Store. Values are printed only by "secrets show".',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  pgha secrets init\n  pgha secrets list --lab\n  pgha secrets rotate app\n  pgha secrets rotate --all --yes\n  pgha secrets show api_keys',
    );
  const verb = (name: string, summary: string, description = summary) =>
    withPlace(secrets.command(name).summary(summary).description(description), context).option(...json);

  verb('init', 'create missing secrets; existing ones are never replaced')
    .option('--dry-run', 'print the names of the missing secrets without creating them')
    .addHelpText(...examples('secrets init --dry-run', 'secrets init --lab'))
    .action((options: SecretsOptions & { dryRun?: boolean }) =>
      withInstallation(context, options, async (installation) => {
        if (options.dryRun === true) return answer(context, options, await missingSecrets(installation), renderMissing);
        const report = await provideSecrets(installation, (line) => process.stderr.write(`${line}\n`));
        answer(
          context,
          options,
          report,
          ({ created, kept }) => `${created.length} created, ${kept.length} already existed\n`,
        );
      }),
    );
  verb('list', 'list secrets with user, age and whether rotation is due')
    .addHelpText(...examples('secrets list', 'secrets list --json'))
    .action((options: SecretsOptions) =>
      withInstallation(context, options, async (installation) => {
        answer(context, options, await listSecrets(secretsSetting(installation, []), new Date()), renderList);
      }),
    );
  verb(
    'show <name>',
    'print the value of a secret',
    'Prints one value to standard output and writes an audit log entry with its name. A name from "pgha secrets list" prints what ' +
      'clients use now (for a pair of logins, the password of the current one); a parameter name prints what is stored: logins/app, passwords/app_a.',
  )
    .addHelpText(...examples('secrets show api_keys', 'secrets show passwords/app_a'))
    .action((name: string, options: SecretsOptions) =>
      withInstallation(context, options, async (installation) => {
        const value = await readValue(secretsSetting(installation, []), name);
        await auditRead(installation, `secrets show ${name}`);
        if (process.stdout.isTTY)
          process.stderr.write('Warning: the value remains in the scrollback of this terminal.\n');
        answer(context, options, { name, value }, () => `${value.trimEnd()}\n`);
      }),
    );

  withChanges(
    verb(
      'rotate [name]',
      'rotate a secret without failed requests',
      'Rotates one secret, or all but the CA: in Parameter Store of both regions, on every node, and in the servers that accept it. ' +
        'Clients of the HTTP services and of PgBouncer are not interrupted. Run it again to resume an interrupted rotation.',
    ),
  )
    .option('--all', 'rotate every secret except the CA, which external clients must receive first')
    .addHelpText(...examples('secrets rotate app', 'secrets rotate --all --dry-run', 'secrets rotate ca --trust-only'))
    .option('--trust-only', 'ca only: stop after all nodes trust both the new and the old CA')
    .option('--grace-period <seconds>', 'time that sessions of the previous login get to finish', '60')
    .addOption(new Option('--patience <seconds>').hideHelp())
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
  withChanges(verb('retire <name>', 'revoke the previous value that a rotation left valid'))
    .addHelpText(...examples('secrets retire backup_passphrases'))
    .option(
      '--early',
      'backup_passphrases only: revoke before retention has passed; part of the recovery window becomes unrestorable',
    )
    .option('--grace-period <seconds>', 'time that sessions of the previous login get to finish', '60')
    .addOption(new Option('--patience <seconds>').hideHelp())
    .action((name: string, options: ChangeOptions) =>
      changeSecrets(context, options, doingOf('retire', name, options), (installation) => {
        const { old } = rotatableNamed(name);
        if (old === undefined)
          throw new UsageError(`${name} has no previous value to revoke: its rotation leaves none valid`);
        const early = options.early === true;
        const erase = (...place: [Parameters<typeof eraseRepository>[1], string]) =>
          eraseRepository(installation, ...place);
        return {
          names: [name],
          changes: [{ name, ...old.retire({ early, erase }) }],
          caution: early
            ? 'the times that only the previous generation of the repositories can restore become unrestorable'
            : null,
        };
      }),
    );
  withChanges(
    verb(
      'mirror',
      'copy the values of one region to the other',
      'For regions whose values differ although no rotation was interrupted, for example because one region was down during a rotation.',
    ),
  )
    .requiredOption('--from <region>', 'AWS region whose values are current')
    .addHelpText(...examples('secrets mirror --from us-west-2 --dry-run'))
    .action((options: ChangeOptions) => mirror(context, options));
}

const withChanges = (command: Command) => command.option(...dryRun).option(...yes);

function chosenSecrets(name: string | undefined, { all, trustOnly }: ChangeOptions): readonly Rotatable[] {
  if ((name === undefined) === (all !== true))
    throw new UsageError('specify a secret or --all. List the names: pgha secrets list');
  if (trustOnly === true && name !== 'ca')
    throw new UsageError('--trust-only applies only to the CA: pgha secrets rotate ca --trust-only');
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
    const patienceMs = Number(options.patience ?? options.gracePeriod ?? 60) * 1_000;
    if (!Number.isFinite(patienceMs))
      throw new UsageError(`--grace-period "${options.patience ?? options.gracePeriod}" is not a number of seconds`);
    const settingFor = (signal: AbortSignal) => ({ ...secretsSetting(installation, notes, signal), patienceMs });
    const { region } = actingRegion(installation.cluster, await viewRegions(installation));
    if (options.dryRun === true) {
      return context.print(describeSteps(await planChanges(settingFor(installation.signal), changes, noMemory)));
    }
    if (caution !== null)
      await askConsent(`Continue? ${caution[0]?.toUpperCase()}${caution.slice(1)}.`, options.yes === true);
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
      throw new UsageError(`unknown region "${options.from}". Regions: ${names.join(', ')}`);
    }
    const [source, targets] = [installation.secrets([from]), others.map((region) => installation.secrets([region]))];
    const names = await differingNames(cluster, source, targets);
    const changed = { changed: names, notes: [] };
    if (options.dryRun === true || names.length === 0) return answer(context, options, changed, renderMirrored);
    await askConsent(`Replace ${names.join(', ')} with the values of ${from.awsRegion}?`, options.yes === true);
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
    throw new RefusedError(
      `the audit log entry could not be written to any of ${names.join(', ')}; without it no value is shown. Check the etcd nodes: pgha status`,
    );
  }
}

function renderList(listed: readonly ListedSecret[]): string {
  return table(
    ['SECRET', 'CHANGED', 'AGE', 'STATE', 'NODES', 'USED BY'],
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
  return `${created.map((name) => `would create ${name}\n`).join('')}${created.length} to create, ${kept.length} exist\n`;
}

function describeState(name: string, state: Pick<ListedSecret, 'isDue' | 'isOldValid' | 'isMirrored'>): string {
  if (!state.isMirrored) return 'regions differ';
  if (state.isOldValid) return `previous value still accepted: pgha secrets retire ${name}`;
  return state.isDue ? 'rotation due' : 'current';
}

function renderChanged({ changed, notes }: Changed): string {
  return `changed: ${changed.join(', ')}\n${notes.map((note) => `! ${note}\n`).join('')}`;
}

function renderMirrored({ changed }: Changed): string {
  return changed.length === 0
    ? 'no differences: both regions have the same values\n'
    : changed.map((name) => `${name}\n`).join('');
}
