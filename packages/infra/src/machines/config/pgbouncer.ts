import {
  type Cluster,
  connectionBudget,
  loginsOf,
  type Node,
  ports,
  type Region,
  regionOf,
} from '../../cluster/index.ts';
import { activeLoginFile } from '../login-file.ts';
import { type MachinePart, machineFile, type UnitAction } from '../machine.ts';
import { rotatingLoginFiles } from '../secrets.ts';
import { caFile, tlsFilesOf } from '../tls.ts';
import { assembleCommand, type SecretTemplate, secretTemplate, secretValue } from './assemble.ts';
import { confined } from './confinement.ts';
import { updateRoles } from './database-roles.ts';
import { pgbouncerSocketDirectory } from './postgresql.ts';

/** With what the guard holds its connection to the primary: the passwords, and which login to use. */
export const guardPassFile = `${pgbouncerSocketDirectory}/guard.pgpass`;
export const guardLoginFile = activeLoginFile('pgbouncer_auth');

/** Says with which login PgBouncer asks for the verifiers of its clients; without a section, whose name would reset all others. */
const authSettings = `${pgbouncerSocketDirectory}/auth.ini`;

export const pgbouncerIni = '/etc/pgbouncer/pgbouncer.ini';
const userList = `${pgbouncerSocketDirectory}/userlist.txt`;
const unit = 'pgbouncer.service';
const reload: readonly UnitAction[] = [{ unit, action: 'reload' }];

/**
 * Makes a commit of this session wait until its synchronous standby has flushed it, whatever was stored for the system, the
 * database or the role; `remote_apply` waits for more and stays.
 */
export const pinCommit =
  "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') not in ('on', 'remote_apply')";

/** The pooler: transaction pooling in front of the router, so that it always ends at the primary. */
export function pgbouncer(cluster: Cluster, node: Node): MachinePart {
  return {
    packages: ['pgbouncer'],
    files: [
      machineFile(pgbouncerIni, renderPgbouncerIni(cluster, node), { onChange: reload }),
      ...templates(cluster).map(({ template }) => template),
      machineFile(
        '/etc/systemd/system/pgbouncer.service.d/pgha.conf',
        renderDropIn(assembleCommand(templates(cluster))),
      ),
    ],
    secrets: rotatingLoginFiles(cluster, 'pgbouncer_auth', 'postgres', {
      onPassword: [...updateRoles, ...reload],
      onActive: reload,
    }),
    units: [{ unit, state: 'started' }],
    listens: [{ port: ports.pgbouncer, purpose: 'pooled clients', from: ['load-balancer'], speaks: 'postgres' }],
  };
}

/** How many server connections one PgBouncer may have. */
export interface PoolLimits {
  maxDbConnections: number;
  /** Of one login: what it leaves free is for the other logins, and for looking up their verifiers. */
  defaultPoolSize: number;
}

/** The load balancer may send every client to one node, or spread them over all; together they never exhaust the server. */
export function poolLimits(cluster: Cluster, region: Region): PoolLimits {
  const { pgbouncer } = connectionBudget(cluster, region);
  return { maxDbConnections: pgbouncer, defaultPoolSize: Math.max(2, Math.floor(pgbouncer * 0.8)) };
}

/** `pgbouncer.ini` of PgBouncer 1.24. */
function renderPgbouncerIni(cluster: Cluster, node: Node): string {
  const { certificate, key } = tlsFilesOf('postgres');
  const { maxDbConnections, defaultPoolSize } = poolLimits(cluster, regionOf(cluster, node));
  return `[databases]
; through HAProxy on this node, which routes to the primary
${cluster.database} = host=127.0.0.1 port=${ports.routerPrimary} dbname=${cluster.database} connect_query='${pinCommit.replaceAll("'", "''")}'

[pgbouncer]
listen_addr = 0.0.0.0
listen_port = ${ports.pgbouncer}
unix_socket_dir = ${pgbouncerSocketDirectory}
unix_socket_mode = 0700
admin_users =
stats_users =

auth_type = scram-sha-256
auth_file = ${userList}
%include ${authSettings}
auth_dbname = ${cluster.database}
auth_query = select username, verifier from pgbouncer.get_auth($1)

client_tls_sslmode = require
client_tls_cert_file = ${certificate}
client_tls_key_file = ${key}
client_tls_protocols = secure
server_tls_sslmode = verify-full
server_tls_ca_file = ${caFile}
server_tls_protocols = secure

pool_mode = transaction
max_client_conn = 2000
default_pool_size = ${defaultPoolSize}
; with the other members' and the services' pools it fits max_connections
max_db_connections = ${maxDbConnections}
max_prepared_statements = 200
; what a client SET for itself must not be in force for whoever gets its connection next; SET LOCAL ends with its transaction
server_reset_query = ${pinCommit}
server_reset_query_always = 1
; what a client asks for at login is honoured or refused: docs/connecting.md has the table
track_extra_parameters = IntervalStyle
; JDBC and Go send a positive value, which the server's own default equals
ignore_startup_parameters = extra_float_digits

; a lost primary is noticed within seconds, and the new one is tried every second
server_connect_timeout = 3
server_login_retry = 1
server_check_delay = 5
; before a reloaded HAProxy closes the connections of its old process: see hard-stop-after in haproxy.cfg
server_lifetime = 1200
server_idle_timeout = 600
server_fast_close = 1
tcp_keepalive = 1
tcp_keepidle = 5
tcp_keepintvl = 3
tcp_keepcnt = 3
tcp_user_timeout = 12000
; a client waits through a failover, at its login too
query_wait_timeout = 60
client_login_timeout = 60
cancel_wait_timeout = 10

log_connections = 0
log_disconnections = 0
log_stats = 0
`;
}

function templates(cluster: Cluster): readonly SecretTemplate[] {
  const both = (line: (login: string, password: string) => string) =>
    loginsOf('pgbouncer_auth')
      .map((login) => `${line(login, secretValue(`/etc/pgha/secrets/${login}`))}\n`)
      .join('');
  const primary = `127.0.0.1:${ports.routerPrimary}:${cluster.database}`;
  return [
    secretTemplate(
      'userlist.txt',
      userList,
      both((login, password) => `"${login}" "${password}"`),
      reload,
    ),
    secretTemplate('auth.ini', authSettings, `auth_user = ${secretValue(guardLoginFile)}\n`, reload),
    secretTemplate(
      'guard.pgpass',
      guardPassFile,
      both((login, password) => `${primary}:${login}:${password}`),
      reload,
    ),
  ];
}

const renderDropIn = (assemble: string) => `[Unit]
After=pgha-secrets.service haproxy.service
StartLimitIntervalSec=0

[Service]
RuntimeDirectory=pgbouncer
RuntimeDirectoryMode=0700
ExecStartPre=${assemble}
ExecReload=
ExecReload=${assemble}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
LimitNOFILE=16384
OOMScoreAdjust=-500
${confined}
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
CapabilityBoundingSet=
`;
