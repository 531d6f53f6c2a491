import { confined } from './confinement.ts';
import { textFolder } from './text-folder.ts';

/** Pauses the pooler while there is no primary; `hold` makes it wait for the next one. */
export const guardProgram = '/usr/local/lib/pgha/guard';
export const nodeCheck = '/usr/local/lib/pgha/node-check';

/** Finds what undoes a setting that acknowledged commits rest on; takes back what stands in the server's files. */
export const durabilityProgram = '/usr/local/sbin/pgha-durability';
export const durabilityDescription = 'Look for settings that undo what acknowledged commits rest on';

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
Description=Pause the pooler while there is no primary
After=haproxy.service pgbouncer.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=${guardProgram} watch
RuntimeDirectory=pgha-guard
# Whatever ended it, a hang included, the pooler must not stay paused.
ExecStopPost=${guardProgram} resume
# above what one round may take: the router 1 s, the pooler 2 s
WatchdogSec=5
TimeoutStopSec=10
${hardening}
[Install]
WantedBy=multi-user.target
`;

export const nodeCheckUnit = `[Unit]
Description=Tell the load balancer whether this node's router and pooler answer
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

/** Units that are the same on every machine, by their name in the bundle: user-data has no room for them. */
export const bundledUnits: Readonly<Record<string, string>> = {
  'pgha-guard.service': guardUnit,
  'pgha-node-check.service': nodeCheckUnit,
  'pgha-durability.service': durabilityUnit,
};
