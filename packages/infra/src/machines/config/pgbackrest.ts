import { type Cluster, type Node, type Region, regionOf, regionsOf, type Weekday } from '../../cluster/index.ts';
import {
  type MachineFile,
  type MachinePart,
  machineFile,
  type SecretFile,
  type Site,
  type UnitAction,
} from '../machine.ts';
import { siteCaFile } from '../operating-system.ts';
import { programFile } from '../program.ts';
import { backupPassphrasesParameter, detachedRepositoriesParameter } from '../secrets.ts';
import { caFile } from '../tls.ts';
import { backupUnit, lockDirectory, spoolDirectory } from './bundled-units.ts';
import { binDirectory, dataDirectory, socketDirectory } from './postgresql.ts';

export const archiveGetProgram = '/usr/local/lib/pgha/archive-get';

/** PostgreSQL's `restore_command`. */
export const archiveGetCommand = `${archiveGetProgram} %f "%p"`;

/** How Patroni builds a member from the backups; it copies from the primary when there are none. */
export const restoreReplicaCommand = '/usr/local/lib/pgha/restore-replica';

/** PostgreSQL's `archive_command`. */
export const archivePushCommand = '/usr/local/lib/pgha/pgbackrest-archive-push "%p"';

/**
 * The key of a region's dynamic configuration that asks for a full backup, `{repository, timeline}`: of that timeline or a later
 * one. The timers take it where there is none. Patroni ignores it.
 */
export const fullBackupKey = 'pgha_full_backup';

/** The number of a region's repository: the same on every machine, so that `--repo=2` means one thing everywhere. */
export function repositoryNumber(region: Region): 1 | 2 {
  return region.kind === 'primary' ? 1 : 2;
}

/**
 * Where pgBackRest finds every repository for every command, also those that are not in use: former generations, and what is
 * detached. It goes behind `--config-include-path=`.
 */
export const everyRepository = '/etc/pgbackrest/every.d';

const usedRepositories = '/etc/pgbackrest/conf.d';

const repositoriesProgram = '/usr/local/lib/pgha/repositories';
const repositoriesSettings = '/etc/pgha/repositories.json';
const repositoriesEnvironment = `${usedRepositories}/repositories.env`;
const unit = 'pgha-repositories.service';
const restart: readonly UnitAction[] = [{ unit, action: 'restart' }];

/** pgBackRest: continuous archiving into both regions, backups by timer, and restores. */
export function pgbackrest(cluster: Cluster, node: Node, site: Site): MachinePart {
  const timers = renderTimers(cluster);
  return {
    packages: ['pgbackrest', 'curl', 'jq', 'util-linux'],
    files: [
      machineFile(
        '/etc/tmpfiles.d/pgha-pgbackrest.conf',
        `d ${lockDirectory} 0750 postgres postgres -
d ${spoolDirectory} 0750 postgres postgres -
d ${usedRepositories} 0750 postgres postgres -
d ${everyRepository} 0750 postgres postgres -
`,
      ),
      machineFile('/etc/pgbackrest/pgbackrest.conf', renderPgbackrestConf(cluster)),
      ...repositoryFiles(cluster, regionOf(cluster, node), site, memberPlaces, restart),
      programFile(unit, `/etc/systemd/system/${unit}`, { mode: '0644', onChange: restart }),
      machineFile('/etc/pgha/backup.env', renderBackupEnvironment(cluster)),
      programFile('pgha-timelines.sh', '/usr/local/lib/pgha/timelines.sh', { mode: '0644' }),
      programFile('archive-get.sh', archiveGetProgram),
      programFile('pgbackrest-archive-push.sh', '/usr/local/lib/pgha/pgbackrest-archive-push'),
      programFile('pgha-restore-replica.py', restoreReplicaCommand),
      programFile('pgha-backup.sh', '/usr/local/sbin/pgha-backup'),
      machineFile('/etc/systemd/system/pgha-backup@.service', backupUnit, { bundledAs: 'pgha-backup@.service' }),
      ...Object.entries(timers).map(([name, content]) =>
        machineFile(`/etc/systemd/system/${name}`, content, { onChange: [{ unit: name, action: 'restart' }] }),
      ),
    ],
    secrets: repositorySecrets(cluster, 'postgres', restart),
    units: [unit, ...Object.keys(timers)].map((each) => ({ unit: each, state: 'started' })),
  };
}

/** What a machine has to fetch to know its repositories. */
export function repositorySecrets(
  cluster: Cluster,
  user: string,
  onChange: readonly UnitAction[],
): readonly SecretFile[] {
  const file = (parameter: string, name: string): SecretFile => ({
    parameter,
    path: `/etc/pgha/secrets/${name}`,
    mode: '0600',
    owner: user,
    group: user,
    onChange,
  });
  return [
    file(backupPassphrasesParameter(cluster), 'backup_passphrases'),
    file(detachedRepositoriesParameter(cluster), 'backup_detached'),
  ];
}

/** `pgbackrest.conf` without the repositories, which `pgha-repositories` knows. */
export function renderPgbackrestConf(cluster: Cluster): string {
  return `[global]
compress-type=zst
compress-level=3
process-max=2
start-fast=y
# an interrupted backup is resumed
resume=y

# A segment is safe only once every repository has it; asynchronous pushes keep up while one of them is unavailable.
archive-async=y
spool-path=${spoolDirectory}
lock-path=${lockDirectory}

# standard output goes to the journal
log-level-console=warn
log-level-stderr=warn
log-level-file=off

[global:backup]
log-level-console=info

# PostgreSQL asks again; a server that shuts down must not wait a minute for an unavailable region.
[global:archive-push]
archive-timeout=15
# One repository is asked after the other. With the default of a minute, one whose packets vanish keeps WAL from the other one
# for nine minutes at a time; with this for one and a half.
io-timeout=10

# Asynchronous fetching can end a recovery too early at a change of timeline (fixed in 2.59.0).
[global:archive-get]
archive-async=n

[${cluster.scope}]
pg1-path=${dataDirectory}
pg1-socket-path=${socketDirectory}
pg1-user=backup
pg1-database=${cluster.database}
`;
}

/** Where the programs of a machine find what `pgha-repositories` is told, and what it makes of it. */
interface RepositoryPlaces {
  passphrases: string;
  detached: string;
  current: string;
  every: string;
  environment: string;
}

const memberPlaces: RepositoryPlaces = {
  passphrases: '/etc/pgha/secrets/backup_passphrases',
  detached: '/etc/pgha/secrets/backup_detached',
  current: `${usedRepositories}/repositories.conf`,
  every: `${everyRepository}/repositories.conf`,
  environment: repositoriesEnvironment,
};

/** The program that tells pgBackRest its repositories, and what it needs to know of the cluster. */
export function repositoryFiles(
  cluster: Cluster,
  region: Region,
  site: Site,
  places: RepositoryPlaces,
  onChange: readonly UnitAction[] = [],
): readonly MachineFile[] {
  const settings = {
    scope: cluster.scope,
    repositories: nearestFirst(cluster, region).map((each) => [repositoryNumber(each), optionsOf(cluster, each, site)]),
    ...places,
  };
  return [
    programFile('pgha-repositories.py', repositoriesProgram),
    machineFile(repositoriesSettings, `${JSON.stringify(settings, null, 1)}\n`, { onChange }),
  ];
}

/** A repository in pgBackRest's words; its path and its passphrase are its generation's. */
function optionsOf(cluster: Cluster, region: Region, site: Site): Record<string, string> {
  const bucket = region.kind === 'primary' ? site.backupBuckets.primary : site.backupBuckets.dr;
  if (bucket === null) {
    throw new Error('the cluster has a DR region but the site has no bucket for it; give site.backupBuckets.dr');
  }
  return {
    type: 's3',
    's3-bucket': bucket,
    's3-region': region.awsRegion,
    's3-endpoint': endpointOf(region, site),
    // the machine's own role
    's3-key-type': 'auto',
    ...(site.extraCa === null ? {} : { 'storage-ca-file': siteCaFile }),
    bundle: 'y',
    block: 'y',
    // a full backup expires once another one is at least this old
    'retention-full-type': 'time',
    'retention-full': `${cluster.backups.retentionDays}`,
  };
}

function nearestFirst(cluster: Cluster, region: Region): readonly Region[] {
  return [region, ...regionsOf(cluster).filter(({ kind }) => kind !== region.kind)];
}

/** Host and port of a region's S3. */
function endpointOf(region: Region, site: Site): string {
  return site.s3Endpoint === null ? `s3.${region.awsRegion}.amazonaws.com` : new URL(site.s3Endpoint).host;
}

/** What the shell programs need; of the repositories the one in the machine's own region comes first. */
const renderBackupEnvironment = (cluster: Cluster) => `STANZA=${cluster.scope}
PATRONI_CA=${caFile}
PG_BIN=${binDirectory}
PLAN="${planOf(cluster)}"
. ${repositoriesEnvironment}
`;

/** When backups are due, in the numbers of `pgha-backup`: the weekday of full ones, the minute of the day, the hours between two. */
function planOf({ backups: plan }: Cluster): string {
  const [hour, minute] = plan.atUtc.split(':').map(Number);
  return `${weekdays.indexOf(plan.fullOn)} ${(hour ?? 0) * 60 + (minute ?? 0)} ${plan.incrementalEveryHours}`;
}

const weekdays: readonly Weekday[] = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** The timers stand on every machine; the program decides whether its machine is the right one. */
function renderTimers({ backups: plan }: Cluster): Record<string, string> {
  const [hour, minute] = plan.atUtc.split(':');
  const others = weekdays.filter((day) => day !== plan.fullOn).join(',');
  const hours = Array.from({ length: 24 / plan.incrementalEveryHours - 1 }, (_, index) =>
    pad((Number(hour) + (index + 1) * plan.incrementalEveryHours) % 24),
  ).sort();
  return {
    'pgha-backup-full.timer': renderTimer('full', [`OnCalendar=${plan.fullOn} *-*-* ${plan.atUtc}:00 UTC`]),
    'pgha-backup-diff.timer': renderTimer('diff', [`OnCalendar=${others} *-*-* ${plan.atUtc}:00 UTC`]),
    ...(hours.length === 0
      ? {}
      : { 'pgha-backup-incr.timer': renderTimer('incr', [`OnCalendar=*-*-* ${hours.join(',')}:${minute}:00 UTC`]) }),
    // The first backup of a new cluster, and whatever a repository misses, does not wait for the night.
    'pgha-backup-ensure.timer': renderTimer('ensure', ['OnActiveSec=15s', 'OnUnitInactiveSec=30s', 'AccuracySec=1s']),
  };
}

function renderTimer(type: string, lines: readonly string[]): string {
  return `[Unit]
Description=${type === 'ensure' ? 'Take the backups that a repository misses' : `Take a ${type} backup`}

[Timer]
${lines.join('\n')}
Unit=pgha-backup@${type}.service

[Install]
WantedBy=timers.target
`;
}

const pad = (hour: number) => String(hour).padStart(2, '0');
