import { resolve } from 'node:path';
import { type Cluster, defineCluster, regionsOf } from '@pgha/infra/cluster';
import type { Command } from 'commander';
import { readClusterFile } from '../cluster-file.ts';
import { exitCodes, UsageError } from '../exit-codes.ts';
import { createLocalHost } from '../hosts/local.ts';
import { terraformVersion } from '../hosts/terraform.ts';
import { findObstacles } from '../lab/preflight.ts';
import { reviewBaseline } from '../operations/deploy/account-baseline.ts';
import { reviewAccount } from '../operations/deploy/account-limits.ts';
import { readRegionAccount } from '../operations/deploy/account-reading.ts';
import { type AwsLogin, type Identity, loginOf } from '../operations/deploy/aws-access.ts';
import { readAccountBaseline } from '../operations/deploy/baseline-reading.ts';
import { findPrerequisites, surroundings } from '../operations/deploy/prerequisites.ts';
import { answer, type CommandContext, json } from './command.ts';
import { type PlaceOptions, withPlace } from './place.ts';

interface DoctorOptions extends PlaceOptions {
  aws?: boolean;
  json?: boolean;
}

/** One thing that was looked at. */
export interface Check {
  what: string;
  /** What it is needed for. */
  neededFor: string;
  /** What was found; null: it is missing or wrong. */
  found: string | null;
  /** What to do, when something has to be done. */
  remedies: readonly string[];
}

/** `pgha doctor`: can this computer do what an operator needs? */
export function registerDoctor(program: Command, context: CommandContext): void {
  withPlace(program.command('doctor'), context)
    .summary('check this computer: tools, credentials, configuration')
    .description(
      'Checks everything that the other commands need on this computer and prints what to do about what is missing. Changes nothing. ' +
        'Exits with status 1 if something is missing that AWS operations (with --lab: the lab) require.',
    )
    .option(
      '--aws',
      "also check the AWS account's security baseline: audit trail, encryption, session logs, public access",
    )
    .option(...json)
    .addHelpText('after', '\nExamples:\n  pgha doctor\n  pgha doctor --aws\n  pgha doctor --lab')
    .action(async (options: DoctorOptions) => {
      if (options.lab === true && options.aws === true) throw new UsageError('--lab and --aws cannot be combined');
      const checks = options.lab === true ? await checkLab(context) : await checkAws(context, options);
      answer(context, options, checks, renderChecks);
      if (checks.some(({ found, neededFor }) => found === null && neededFor !== 'pgha connect')) {
        context.exit(exitCodes.failed);
      }
    });
}

async function checkLab(context: CommandContext): Promise<readonly Check[]> {
  const { labPlaces, searchPath } = context.settings;
  const around = { platform: process.platform, userId: process.getuid?.() ?? null, path: searchPath };
  const remedies = await findObstacles(labPlaces, defineCluster({ environment: 'lab' }), around);
  const found = remedies.length === 0 ? 'complete' : null;
  return [{ what: 'lab prerequisites', neededFor: 'pgha lab', found, remedies }, await checkPsql(context)];
}

async function checkAws(context: CommandContext, options: DoctorOptions): Promise<readonly Check[]> {
  const { settings } = context;
  const file = resolve(options.config);
  const read: { cluster: Cluster | null; remedies: readonly string[] } = await readClusterFile(file).then(
    (cluster) => ({ cluster, remedies: [] }),
    (error: Error) => ({ cluster: null, remedies: [error.message] }),
  );
  // without a configuration the defaults still tell whether credentials and Terraform are there
  const cluster = read.cluster ?? defineCluster({});
  const login = loginOf(cluster, settings.aws.hasOwnCredentials);
  const around = surroundings(terraformVersion);
  const { identity, terraform, credentials, state } = await findPrerequisites(
    cluster,
    regionsOf(cluster),
    login,
    around,
  );
  return [
    {
      what: 'configuration',
      neededFor: 'everything',
      found: read.cluster === null ? null : file,
      remedies: read.remedies,
    },
    {
      what: 'Terraform',
      neededFor: 'pgha deploy',
      found: terraform.obstacles.length === 0 ? terraform.version : null,
      remedies: terraform.obstacles,
    },
    { what: 'AWS credentials', neededFor: 'everything', found: identity?.arn ?? null, remedies: credentials },
    {
      what: 'Terraform state',
      neededFor: 'pgha deploy',
      found: identity === null || state.length > 0 ? null : cluster.state === 's3' ? 'S3 buckets exist' : 'local files',
      remedies: identity === null ? ['unknown without AWS credentials'] : state,
    },
    ...(identity === null || read.cluster === null ? [] : await checkAccounts(cluster, login)),
    ...(options.aws !== true ? [] : await checkBaseline(cluster, login, identity)),
    await checkProgram(context, 'AWS CLI', ['aws', '--version'], 'https://aws.amazon.com/cli/'),
    await checkProgram(
      context,
      'session-manager-plugin',
      ['session-manager-plugin', '--version'],
      'Systems Manager user guide, "Install the Session Manager plugin"',
    ),
    await checkPsql(context),
  ];
}

/** Quotas, zones and instance types, a check per region. */
function checkAccounts(cluster: Cluster, login: AwsLogin): Promise<readonly Check[]> {
  return Promise.all(
    regionsOf(cluster).map(async (region): Promise<Check> => {
      const { obstacles, unknown } = reviewAccount(cluster, region, await readRegionAccount(login, region));
      const found = unknown.length === 0 ? 'sufficient' : `unknown: ${unknown.join(', ')}`;
      return {
        what: `quotas, zones and instance types of ${region.awsRegion}`,
        neededFor: 'pgha deploy',
        found: obstacles.length === 0 ? found : null,
        remedies: obstacles,
      };
    }),
  );
}

/** What the account's security rests on; without credentials nothing of it is known. */
async function checkBaseline(cluster: Cluster, login: AwsLogin, identity: Identity | null): Promise<readonly Check[]> {
  const neededFor = 'the account baseline';
  if (identity === null)
    return [{ what: 'account baseline', neededFor, found: null, remedies: ['unknown without credentials'] }];
  const checks = reviewBaseline(await readAccountBaseline(cluster, login, identity));
  return checks.map((check) => ({ ...check, neededFor }));
}

const checkPsql = (context: CommandContext) =>
  checkProgram(context, 'psql', ['psql', '--version'], 'apt-get install postgresql-client');

/** A program of this computer that only `pgha connect` starts. */
async function checkProgram(
  { settings }: CommandContext,
  what: string,
  argv: readonly string[],
  remedy: string,
): Promise<Check> {
  const { exitCode, stdout } = await createLocalHost(settings.workspace).run(argv);
  const found = exitCode === 0 ? (stdout.trim().split('\n')[0] ?? '') : null;
  return { what, neededFor: 'pgha connect', found, remedies: found === null ? [`install it: ${remedy}`] : [] };
}

function renderChecks(checks: readonly Check[]): string {
  return checks
    .map(({ what, neededFor, found, remedies }) => {
      const head = `${found === null ? '✖' : '✔'} ${what}: ${found ?? `missing; required by ${neededFor}`}\n`;
      return `${head}${remedies.map((line) => `    ${line}\n`).join('')}`;
    })
    .join('');
}
