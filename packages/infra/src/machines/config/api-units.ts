import {
  type Cluster,
  loginsOf,
  membersOf,
  type Node,
  ports,
  regionsOf,
  servicePoolSize,
} from '../../cluster/index.ts';
import { activeLoginFile } from '../login-file.ts';
import { caFile, tlsFilesOf } from '../tls.ts';
import { databaseHost, servicesRegionLines } from './services-region.ts';

/** One of the two HTTP services as systemd runs it. */
export interface Service {
  /** Its unit is `pgha-NAME.service`, its program `apps/NAME` of the release. */
  name: 'api' | 'read-api';
  description: string;
  port: number;
  /** The load balancer's port it reaches the database by. */
  databasePort: number;
  login: 'app' | 'readonly';
  /** Only the write service knows the keys. */
  hasKeys: boolean;
}

/** Where secrets lie for systemd to hand over: root's, because the services' users exist only while they run. */
export const serviceSecrets = {
  keys: '/etc/pgha/secrets/api_keys',
} as const;

/** Where the timer leaves what pgBackRest says. */
const backupInfoFile = '/run/pgha-backup-info/info.json';

/** Who asks pgBackRest on the API machine. */
export const backupInfoUser = 'pgha-backup-info';

/** Makes that user (sysusers.d). */
export const backupInfoSysusers = `u ${backupInfoUser} - "Asks pgBackRest for its report" /nonexistent
`;

/** Per service, on a machine of 1 GiB: two of them, their buffers and the system fit. */
const heapMib = 256;

/**
 * The listening socket. It is systemd's and outlives the service: during a restart connections wait here, and none is refused.
 */
export function renderServiceSocket({ description, port }: Service): string {
  return `[Unit]
Description=${description}: the listening socket

[Socket]
ListenStream=${port}
# as many as may arrive while a service restarts; the kernel's own limit is raised to the same
Backlog=4096
NoDelay=yes
KeepAlive=yes

[Install]
WantedBy=sockets.target
`;
}

/** The service's unit: no privilege, no file it may write, no way to the machine's own AWS credentials. */
export function renderServiceUnit(cluster: Cluster, node: Node, service: Service): string {
  const { name, description, port, databasePort, login, hasKeys } = service;
  const { certificate, key } = tlsFilesOf('root');
  const region = servicesRegionLines(cluster);
  // both regions': the service shows whichever has the primary
  const patroniUrls = regionsOf(cluster)
    .flatMap(membersOf)
    .map(({ hostname }) => `https://${hostname}:${ports.patroni}`);
  return `[Unit]
Description=${description}
Documentation=https://${node.hostname}:${port}/docs
Requires=pgha-${name}.socket
After=pgha-${name}.socket pgha-secrets.service network-online.target
Wants=network-online.target
${region.unit}StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/local/lib/pgha/serve ${name}
DynamicUser=yes
Restart=always
RestartSec=1
# above the service's own 30 s for requests in flight
TimeoutStopSec=45
${region.service}
Environment=NODE_ENV=production
Environment=NODE_OPTIONS=--max-old-space-size=${heapMib}
Environment=HOST=${node.address} PORT=${port}
Environment=TLS_CERT_FILE=%d/tls.crt TLS_KEY_FILE=%d/tls.key
Environment=DB_HOST=${databaseHost(cluster)} DB_PORT=${databasePort} DB_NAME=${cluster.database}
Environment=DB_SSLMODE=verify-full DB_SSLROOTCERT=${caFile}
# with PgBouncer's pools it fits max_connections
Environment=DB_POOL_MAX_SIZE=${servicePoolSize(cluster)}
Environment=PATRONI_URLS=${patroniUrls.join(',')} PATRONI_CA_FILE=${caFile}
Environment=BACKUP_INFO_FILE=${backupInfoFile}
${hasKeys ? 'Environment=API_KEYS_FILE=%d/api_keys\nLoadCredential=api_keys:/etc/pgha/secrets/api_keys\n' : ''}\
LoadCredential=tls.crt:${certificate}
LoadCredential=tls.key:${key}
LoadCredential=login:${activeLoginFile(login)}
${loginsOf(login)
  .map((each) => `LoadCredential=${each}:/etc/pgha/secrets/${each}\n`)
  .join('')}
LimitNOFILE=65536
# restarted before it makes its neighbours swap
OOMPolicy=stop
UMask=0077
CapabilityBoundingSet=
NoNewPrivileges=yes
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# the metadata service: a hole in the service must not become the machine's role
IPAddressDeny=169.254.169.254 fd00:ec2::254

[Install]
WantedBy=multi-user.target
`;
}

/** Where that run tells pgBackRest its repositories; the directories are closed to everybody else. */
export const backupInfoRepositories = {
  passphrases: '$CREDENTIALS_DIRECTORY/passphrases',
  detached: '$CREDENTIALS_DIRECTORY/detached',
  current: '$RUNTIME_DIRECTORY/used/repositories.conf',
  every: '$RUNTIME_DIRECTORY/every/repositories.conf',
  environment: '$RUNTIME_DIRECTORY/used/repositories.env',
} as const;

/** Asks pgBackRest once a minute. It may read what it reports and nothing else; the service sees the report only. */
export const backupInfoUnit = `[Unit]
Description=Export the backup information of pgBackRest
After=pgha-secrets.service network-online.target

[Service]
Type=oneshot
ExecStart=/usr/local/lib/pgha/backup-info ${backupInfoFile}
# a user of its own that stays: the runtime directory of a dynamic one is closed to the services
User=${backupInfoUser}
RuntimeDirectory=pgha-backup-info
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
LoadCredential=passphrases:/etc/pgha/secrets/backup_passphrases
LoadCredential=detached:/etc/pgha/secrets/backup_detached
TimeoutStartSec=60
Nice=10
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
`;

export const backupInfoTimer = `[Unit]
Description=Export the backup information of pgBackRest

[Timer]
OnBootSec=20
OnUnitActiveSec=60
AccuracySec=5

[Install]
WantedBy=timers.target
`;
