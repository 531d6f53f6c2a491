import { diskLimits } from '../../cluster/index.ts';
import { operationLockKey } from '../etcd-keys.ts';
import { activeLoginFile } from '../login-file.ts';
import { confined } from './confinement.ts';
import { dataMount, patroniConfigDirectory, walSegmentMib } from './postgresql.ts';
import { textFolder } from './text-folder.ts';

/** While this file is there, a restore in place is at work: Patroni starts only as it allows, and no timer takes a backup. */
export const restoreGate = '/var/lib/pgha-restore/gate.json';

export const lockDirectory = '/run/pgbackrest';
export const spoolDirectory = '/var/spool/pgbackrest';

/** Brings the roles up to date, and tells about them; runs as PostgreSQL's system user. */
export const databaseRolesProgram = '/usr/local/lib/pgha/database-roles';

/** Pauses the pooler while there is no primary; `hold` makes it wait for the next one. */
export const guardProgram = '/usr/local/lib/pgha/guard';
export const nodeCheck = '/usr/local/lib/pgha/node-check';

/** Finds what undoes a setting that acknowledged commits rest on; takes back what stands in the server's files. */
export const durabilityProgram = '/usr/local/sbin/pgha-durability';
export const durabilityDescription = 'Check that no durability setting is overridden';

/** Hands the primary over before its data volume is full, and tells what it saw. */
export const spaceProgram = '/usr/local/lib/pgha/space';

const hardening = `User=postgres
Restart=always
RestartSec=1
OOMScoreAdjust=-500
${confined}
RestrictAddressFamilies=AF_INET AF_UNIX
RestrictNamespaces=yes
MemoryDenyWriteExecute=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
CapabilityBoundingSet=
`;

export const guardUnit = `[Unit]
Description=Pause PgBouncer while there is no primary
After=haproxy.service pgbouncer.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=${guardProgram} watch
RuntimeDirectory=pgha-guard
# However it ended, PgBouncer must not stay paused.
ExecStopPost=${guardProgram} resume
# above what one round may take: HAProxy 1 s, PgBouncer 2 s
WatchdogSec=5
TimeoutStopSec=10
${hardening}
[Install]
WantedBy=multi-user.target
`;

export const nodeCheckUnit = `[Unit]
Description=Health check of HAProxy and PgBouncer for the load balancer
After=haproxy.service pgbouncer.service
StartLimitIntervalSec=0

[Service]
ExecStart=${nodeCheck}
${hardening}
[Install]
WantedBy=multi-user.target
`;

export const durabilityUnit = `[Unit]
Description=${durabilityDescription}
After=patroni.service

[Service]
Type=oneshot
# only the superuser reads the server's configuration files by way of the server
User=postgres
SupplementaryGroups=prometheus
ExecStart=${durabilityProgram} metrics ${textFolder}/pgha-durability.prom
# a server that is down is another alert's business
SuccessExitStatus=1
TimeoutStartSec=20
OOMScoreAdjust=500
${confined}
ReadWritePaths=${textFolder}
RestrictAddressFamilies=AF_INET AF_UNIX
CapabilityBoundingSet=
`;

/** What a shutdown writes, with the WAL of the clients that it cuts: ten segments, a fifth of a percent of a small volume. */
const reserveBytes = 10 * walSegmentMib * 1024 ** 2;

/** The same on every database machine; what differs, the program reads from Patroni's configuration. */
export const spaceSettings = `${JSON.stringify(
  {
    mount: dataMount,
    reserveBytes,
    // two full primaries must not hand over to each other for ever
    limits: { full: diskLimits.full, almostFull: diskLimits.almostFull, pauseSeconds: 600, retrySeconds: 20 },
    patroni: patroniConfigDirectory,
    loginFile: activeLoginFile('etcd_patroni'),
    lockKey: operationLockKey,
  },
  null,
  1,
)}\n`;

export const spaceUnit = `[Unit]
Description=Switch over before the data volume of the primary is full
After=patroni.service
StartLimitIntervalSec=0

[Service]
# Patroni's own user, who may read its secrets
User=postgres
ExecStart=${spaceProgram} watch
RuntimeDirectory=pgha-space
Restart=always
RestartSec=5
OOMScoreAdjust=-500
${confined}
ReadWritePaths=${dataMount}
RestrictAddressFamilies=AF_INET AF_UNIX
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
`;

export const backupUnit = `[Unit]
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

export const databaseRolesUnit = `[Unit]
Description=Update the database roles and their passwords
After=patroni.service pgha-secrets.service

[Service]
Type=oneshot
RemainAfterExit=yes
User=postgres
ExecStart=${databaseRolesProgram}
TimeoutStartSec=60
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
`;

/** Units that are the same on every machine, by their name in the bundle: user-data has no room for them. */
export const bundledUnits: Readonly<Record<string, string>> = {
  'pgha-guard.service': guardUnit,
  'pgha-node-check.service': nodeCheckUnit,
  'pgha-durability.service': durabilityUnit,
  'pgha-backup@.service': backupUnit,
  'pgha-space.service': spaceUnit,
  'pgha-space.json': spaceSettings,
  'pgha-database-roles.service': databaseRolesUnit,
};
