import { type Cluster, type Node, type Region, regionOf, regionsOf, type Weekday } from '../../cluster/index.ts';
import { type MachinePart, machineFile, type Site, type UnitAction } from '../machine.ts';
import { siteCaFile } from '../operating-system.ts';
import { programFile } from '../program.ts';
import { caFile } from '../tls.ts';
import { type SecretTemplate, secretTemplate, secretValue } from './assemble.ts';
import { binDirectory, dataDirectory, socketDirectory } from './postgresql.ts';

export const archiveGetProgram = '/usr/local/lib/pgha/archive-get';

/** PostgreSQL's `restore_command`. */
export const archiveGetCommand = `${archiveGetProgram} %f "%p"`;

/** While this file is there, a restore in place is at work: Patroni starts only as it allows, and no timer takes a backup. */
export const restoreGate = '/var/lib/pgha-restore/gate.json';

/** How Patroni builds a member from the backups; it copies from the primary when there are none. */
export const restoreReplicaCommand = '/usr/local/lib/pgha/restore-replica';

/** PostgreSQL's `archive_command`. */
export const archivePushCommand = '/usr/local/lib/pgha/pgbackrest-archive-push "%p"';

/** The number of a region's repository: the same on every machine, so that `--repo=2` means one thing everywhere. */
export function repositoryNumber(region: Region): 1 | 2 {
  return region.kind === 'primary' ? 1 : 2;
}

const lockDirectory = '/run/pgbackrest';
const spoolDirectory = '/var/spool/pgbackrest';

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
d /etc/pgbackrest/conf.d 0750 postgres postgres -
`,
      ),
      machineFile('/etc/pgbackrest/pgbackrest.conf', renderPgbackrestConf(cluster, site)),
      machineFile('/etc/pgha/backup.env', renderBackupEnvironment(cluster, regionOf(cluster, node))),
      programFile('archive-get.sh', archiveGetProgram),
      programFile('pgbackrest-archive-push.sh', '/usr/local/lib/pgha/pgbackrest-archive-push'),
      programFile('pgha-restore-replica.py', restoreReplicaCommand),
      programFile('pgha-backup.sh', '/usr/local/sbin/pgha-backup'),
      machineFile('/etc/systemd/system/pgha-backup@.service', backupUnit),
      ...Object.entries(timers).map(([name, content]) =>
        machineFile(`/etc/systemd/system/${name}`, content, { onChange: [{ unit: name, action: 'restart' }] }),
      ),
    ],
    units: Object.keys(timers).map((unit) => ({ unit, state: 'started' })),
  };
}

/** `pgbackrest.conf` without the passphrase. */
export function renderPgbackrestConf(cluster: Cluster, site: Site): string {
  return `[global]
${regionsOf(cluster)
  .map((region) => renderRepository(cluster, region, site))
  .join('\n')}
compress-type=zst
compress-level=3
process-max=2
start-fast=y
# a backup that was cut off goes on where it stopped
resume=y

# A segment is safe only once every repository has it; asynchronous pushes keep up while one of them is away.
archive-async=y
spool-path=${spoolDirectory}
lock-path=${lockDirectory}

# standard output goes to the journal
log-level-console=warn
log-level-stderr=warn
log-level-file=off

[global:backup]
log-level-console=info

# PostgreSQL asks again; a server that shuts down must not wait a minute for a region that is away.
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

function renderRepository(cluster: Cluster, region: Region, site: Site): string {
  const repo = `repo${repositoryNumber(region)}`;
  const bucket = region.kind === 'primary' ? site.backupBuckets.primary : site.backupBuckets.dr;
  if (bucket === null) {
    throw new Error('the cluster has a second region but the site has no bucket for it; give site.backupBuckets.dr');
  }
  return `# ${region.awsRegion}
${repo}-type=s3
${repo}-path=/${cluster.scope}
${repo}-s3-bucket=${bucket}
${repo}-s3-region=${region.awsRegion}
${repo}-s3-endpoint=${endpointOf(region, site)}
# the machine's own role
${repo}-s3-key-type=auto
${site.extraCa === null ? '' : `${repo}-storage-ca-file=${siteCaFile}\n`}${repo}-cipher-type=aes-256-cbc
${repo}-bundle=y
${repo}-block=y
# a full backup expires once another one is at least this old
${repo}-retention-full-type=time
${repo}-retention-full=${cluster.backups.retentionDays}
`;
}

/** Host and port of a region's S3. */
function endpointOf(region: Region, site: Site): string {
  return site.s3Endpoint === null ? `s3.${region.awsRegion}.amazonaws.com` : new URL(site.s3Endpoint).host;
}

/** The passphrase of both repositories, as an included file. */
export function backupSecretTemplate(cluster: Cluster): SecretTemplate {
  const passphrase = secretValue('/etc/pgha/secrets/backup_passphrase');
  const lines = regionsOf(cluster).map((region) => `repo${repositoryNumber(region)}-cipher-pass=${passphrase}\n`);
  const reload: readonly UnitAction[] = [{ unit: 'patroni.service', action: 'reload' }];
  return secretTemplate(
    'pgbackrest.conf',
    '/etc/pgbackrest/conf.d/passphrase.conf',
    `[global]\n${lines.join('')}`,
    reload,
  );
}

/** What the shell programs need; the repository in the machine's own region comes first. */
function renderBackupEnvironment(cluster: Cluster, region: Region): string {
  const nearestFirst = [region, ...regionsOf(cluster).filter(({ kind }) => kind !== region.kind)];
  return `STANZA=${cluster.scope}
REPOSITORIES="${nearestFirst.map(repositoryNumber).join(' ')}"
PATRONI_CA=${caFile}
PG_BIN=${binDirectory}
`;
}

const backupUnit = `[Unit]
Description=Backups, if this server is the primary (%i)
After=patroni.service
ConditionPathExists=!${restoreGate}

[Service]
Type=oneshot
User=postgres
# one at a time: an incremental backup that comes up while a full one runs waits for it
ExecStart=/usr/bin/flock ${lockDirectory}/pgha-backup.lock /usr/local/sbin/pgha-backup %i
# what it says is kept, that systemd started it twice a minute is not
SyslogLevel=notice
LogLevelMax=notice
# clients come first
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
OOMScoreAdjust=500
ProtectSystem=strict
ReadWritePaths=${lockDirectory} ${spoolDirectory}
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
`;

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
Description=${type === 'ensure' ? 'See that every repository has a full backup' : `Take a ${type} backup`}

[Timer]
${lines.join('\n')}
Unit=pgha-backup@${type}.service

[Install]
WantedBy=timers.target
`;
}

const pad = (hour: number) => String(hour).padStart(2, '0');
