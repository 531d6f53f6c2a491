import { type Cluster, ports } from '../../cluster/index.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { caFile } from '../tls.ts';
import { confined } from './confinement.ts';
import { routerStatusPort } from './haproxy.ts';
import { guardLoginFile, guardPassFile } from './pgbouncer.ts';
import { pgbouncerSocketDirectory } from './postgresql.ts';

/** Pauses the pooler while there is no primary; `hold` makes it wait for the next one. */
export const guardProgram = '/usr/local/lib/pgha/guard';
const nodeCheck = '/usr/local/lib/pgha/node-check';

/**
 * Two small programs beside the pooler: the guard, which pauses it while there is no primary so that clients wait instead of
 * failing, and the node check, which tells the load balancer whether this node serves.
 */
export function guardAndNodeCheck(cluster: Cluster): MachinePart {
  const settings = JSON.stringify({
    database: cluster.database,
    pooler_socket: pgbouncerSocketDirectory,
    pooler_port: ports.pgbouncer,
    router_port: routerStatusPort,
    check_port: ports.nodeCheck,
    primary: [
      `host=127.0.0.1 port=${ports.routerPrimary} dbname=${cluster.database} application_name=pgha-guard connect_timeout=2`,
      `sslmode=verify-full sslrootcert=${caFile} passfile=${guardPassFile}`,
    ].join(' '),
    login_file: guardLoginFile,
  });
  const units = ['pgha-guard.service', 'pgha-node-check.service'];
  const onChange = units.map((unit) => ({ unit, action: 'restart' as const }));
  return {
    packages: ['python3-psycopg2'],
    files: [
      machineFile('/etc/pgha/guard.json', `${settings}\n`, { onChange }),
      programFile('pgha_pooler.py', '/usr/local/lib/pgha/pgha_pooler.py', { mode: '0644', onChange }),
      programFile('pgha-guard.py', guardProgram, { onChange: onChange.slice(0, 1) }),
      programFile('pgha-node-check.py', nodeCheck, { onChange: onChange.slice(1) }),
      machineFile('/etc/systemd/system/pgha-guard.service', guardUnit, { onChange: onChange.slice(0, 1) }),
      machineFile('/etc/systemd/system/pgha-node-check.service', nodeCheckUnit, { onChange: onChange.slice(1) }),
    ],
    units: units.map((unit) => ({ unit, state: 'started' })),
    listens: [{ port: ports.nodeCheck, purpose: "the load balancer's health check", from: ['load-balancer'] }],
  };
}

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

const guardUnit = `[Unit]
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

const nodeCheckUnit = `[Unit]
Description=Tell the load balancer whether this node's router and pooler answer
After=haproxy.service pgbouncer.service
StartLimitIntervalSec=0

[Service]
ExecStart=${nodeCheck}
${hardening}
[Install]
WantedBy=multi-user.target
`;
