import { stringify } from 'yaml';
import {
  type Cluster,
  membersOf,
  type Node,
  nodesOf,
  ports,
  type Region,
  type RotatingLogin,
  regionOf,
} from '../../cluster/index.ts';
import { patroniPrefix } from '../etcd-keys.ts';
import { activeLoginFile } from '../login-file.ts';
import { type MachinePart, machineFile, type Site, type UnitAction } from '../machine.ts';
import { programFile } from '../program.ts';
import { passwordFile, rotatingLoginFiles } from '../secrets.ts';
import { caCertificate, caFile, machineCertificate, tlsFilesOf } from '../tls.ts';
import { assembleCommand, assembleProgram, passwordOfLogin, secretTemplate, secretValue } from './assemble.ts';
import { databaseRolesProgram } from './bundled-units.ts';
import { updateRoles } from './database-roles.ts';
import { archiveGetCommand, archivePushCommand, restoreReplicaCommand } from './pgbackrest.ts';
import {
  accessRules,
  binDirectory,
  dataDirectory,
  dataMount,
  identityMap,
  machineParameters,
  patroniConfigDirectory,
  patroniSecretsFile,
  sharedParameters,
  walSegmentMib,
} from './postgresql.ts';
import { restoreInPlaceProgram } from './restore.ts';

/** The replication slot, in the acting region, through which a standby region streams. */
export function standbySlotOf({ kind }: Region): string {
  return kind === 'dr' ? 'dr' : 'home';
}

/** Patroni itself, with the waits that clients would notice at a switchover shortened. */
const patroniProgram = '/usr/local/lib/pgha/patroni';

/** The name under which the REST API takes changes. */
export const patroniRestUser = 'patroni';

const unit = 'patroni.service';
const reload: readonly UnitAction[] = [{ unit, action: 'reload' }];
const reloadPooler: readonly UnitAction[] = [{ unit: 'pgbouncer.service', action: 'reload' }];

/** Patroni and the PostgreSQL server it runs. */
export function patroni(cluster: Cluster, node: Node, site: Site): MachinePart {
  // the login in use may be given another password by hand: then Patroni has to present that one
  const logins = (role: RotatingLogin, onPassword: readonly UnitAction[] = []) =>
    rotatingLoginFiles(cluster, role, 'postgres', { onPassword: [...onPassword, ...reload], onActive: reload });
  return {
    packages: [
      ...(site.watchdog === 'softdog' ? ['kmod'] : []),
      'patroni',
      // The client of etcd's version 3 interface.
      'python3-etcd',
      'python3-psycopg2',
      'postgresql-17',
      'postgresql-client-17',
    ],
    files: [
      machineFile('/etc/postgresql-common/createcluster.conf', 'create_main_cluster = false\n'),
      machineFile('/etc/tmpfiles.d/pgha-patroni.conf', `d ${patroniConfigDirectory} 0755 postgres postgres -\n`),
      machineFile(`${patroniConfigDirectory}/10-machine.yml`, renderPatroniConfig(cluster, node, site), {
        onChange: reload,
      }),
      patroniSecretTemplate.template,
      assembleProgram,
      programFile('pgha-patroni.py', patroniProgram),
      machineFile(
        '/etc/systemd/system/patroni.service.d/pgha.conf',
        renderDropIn(site, assembleCommand([patroniSecretTemplate])),
        {
          // A new unit file is in force at the next start; restarting the database for it is a person's decision.
          onChange: [],
        },
      ),
    ],
    secrets: [
      // the pooler and the router read the same files
      caCertificate(cluster, [...reload, ...reloadPooler, { unit: 'haproxy.service', action: 'reload' }]),
      ...machineCertificate(cluster, node, 'postgres', [...reload, ...reloadPooler]),
      ...logins('replication', updateRoles),
      ...logins('rewind', updateRoles),
      ...logins('etcd_patroni'),
      passwordFile(cluster, 'patroni_rest', 'postgres', reload),
    ],
    units: [
      // Debian's own clusters stay out of the way of the one Patroni runs.
      { unit: 'postgresql.service', state: 'masked' },
      { unit, state: 'started' },
    ],
    listens: [
      {
        port: ports.postgres,
        purpose: 'PostgreSQL: replication and HAProxy',
        from: ['postgres', 'standby'],
        speaks: 'postgres',
        asksClients: true,
      },
      {
        port: ports.patroni,
        purpose: 'Patroni REST API: HAProxy, members, operators and the status page',
        from: ['postgres', 'standby', 'api', 'monitoring', 'bastion'],
        speaks: 'tls',
        asksClients: true,
      },
    ],
  };
}

/**
 * What Patroni keeps in etcd: written when the region is first started, later changed by `PATCH /config` with this value.
 *
 * A region with a single member has nobody to be synchronous with.
 */
export function patroniDynamicConfig(cluster: Cluster, region: Region): Record<string, unknown> {
  const { patroni: timing } = cluster;
  const members = membersOf(region).length;
  return {
    ttl: timing.ttlSeconds,
    loop_wait: timing.loopWaitSeconds,
    retry_timeout: timing.retryTimeoutSeconds,
    maximum_lag_on_failover: timing.maximumLagOnFailoverBytes,
    primary_start_timeout: timing.primaryStartTimeoutSeconds,
    // etcd's loss alone must not stop a primary that every member still sees.
    failsafe_mode: true,
    check_timeline: true,
    // quorum: any one of several standbys may confirm, so that losing one blocks nothing.
    synchronous_mode: members === 1 ? false : members === 2 ? true : 'quorum',
    synchronous_mode_strict: members > 1 && cluster.durability === 'zero-loss',
    synchronous_node_count: 1,
    postgresql: {
      use_slots: true,
      use_pg_rewind: true,
      // A member that cannot be rewound is rebuilt instead of waiting for a person.
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
      parameters: sharedParameters(cluster),
    },
    ...(region.kind === 'primary' && cluster.dr !== null ? { slots: slotsFor(cluster.dr) } : {}),
    ...(region.kind === 'dr' ? { standby_cluster: standbyClusterOf(region, cluster.primary) } : {}),
  };
}

/** The permanent slot by which an acting region keeps what its standby region has not received yet. */
export function slotsFor(standby: Region): Record<string, unknown> {
  return { [standbySlotOf(standby)]: { type: 'physical' } };
}

/** What makes a region the standby of the acting one; removing it promotes. */
export function standbyClusterOf(standby: Region, acting: Region): Record<string, unknown> {
  return {
    host: membersOf(acting)
      .map(({ hostname }) => hostname)
      .join(','),
    port: ports.postgres,
    primary_slot_name: standbySlotOf(standby),
    restore_command: archiveGetCommand,
    create_replica_methods: ['pgbackrest', 'basebackup'],
  };
}

/** `patroni.yml` without its secrets. */
function renderPatroniConfig(cluster: Cluster, node: Node, site: Site): string {
  const region = regionOf(cluster, node);
  const { certificate, key } = tlsFilesOf('postgres');
  const clientTls = { sslmode: 'verify-full', sslrootcert: caFile, sslcert: certificate, sslkey: key };
  return stringify(
    {
      scope: cluster.scope,
      namespace: patroniPrefix,
      name: node.name,
      log: { level: 'INFO', format: '%(levelname)s: %(message)s' },
      restapi: {
        listen: `0.0.0.0:${ports.patroni}`,
        connect_address: `${node.hostname}:${ports.patroni}`,
        certfile: certificate,
        keyfile: key,
        cafile: caFile,
        // Reading is free inside the network; changing needs a certificate of the cluster and the password.
        verify_client: 'optional',
        // every router asks three times a second; with the default of 5 a burst is refused
        request_queue_size: 64,
        authentication: { username: patroniRestUser },
      },
      ctl: { cacert: caFile, certfile: certificate, keyfile: key },
      etcd3: {
        hosts: nodesOf(region, 'etcd').map(({ hostname }) => `${hostname}:${ports.etcdClient}`),
        protocol: 'https',
        cacert: caFile,
        cert: certificate,
        key,
      },
      bootstrap: {
        dcs: patroniDynamicConfig(cluster, region),
        initdb: [
          { encoding: 'UTF8' },
          'data-checksums',
          // Patroni takes texts only (patroni/postgresql/bootstrap.py of 4.0.7)
          { 'wal-segsize': `${walSegmentMib}` },
          // The order of text never changes with the operating system's libraries.
          { 'locale-provider': 'builtin' },
          { locale: 'C.UTF-8' },
          { 'auth-local': 'peer' },
          { 'auth-host': 'scram-sha-256' },
        ],
        post_init: databaseRolesProgram,
      },
      postgresql: {
        listen: `0.0.0.0:${ports.postgres}`,
        connect_address: `${node.hostname}:${ports.postgres}`,
        use_unix_socket: true,
        data_dir: dataDirectory,
        bin_dir: binDirectory,
        pgpass: `${dataMount}/patroni.pgpass`,
        authentication: {
          superuser: { username: 'postgres' },
          replication: { ...clientTls },
          rewind: { ...clientTls },
        },
        create_replica_methods: ['pgbackrest', 'basebackup'],
        pgbackrest: { command: restoreReplicaCommand, keep_data: true },
        basebackup: [{ checkpoint: 'fast' }, { 'max-rate': '100M' }],
        recovery_conf: { restore_command: archiveGetCommand },
        parameters: {
          ...machineParameters(cluster, node, { certificate, key, ca: caFile }),
          archive_command: archivePushCommand,
        },
        pg_hba: accessRules(cluster, region),
        pg_ident: identityMap,
      },
      watchdog:
        site.watchdog === 'softdog' ? { mode: 'required', device: '/dev/watchdog', safety_margin: 5 } : { mode: 'off' },
    },
    { lineWidth: 0 },
  );
}

const credentials = (role: RotatingLogin) => ({
  username: secretValue(activeLoginFile(role)),
  password: passwordOfLogin(activeLoginFile(role)),
});

const patroniSecretTemplate = secretTemplate(
  'patroni-secrets.yml',
  patroniSecretsFile,
  stringify(
    {
      restapi: { authentication: { password: secretValue('/etc/pgha/secrets/patroni_rest') } },
      etcd3: credentials('etcd_patroni'),
      postgresql: {
        authentication: { replication: credentials('replication'), rewind: credentials('rewind') },
      },
    },
    { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' },
  ),
  reload,
);

/**
 * Debian's unit restarts Patroni only after a failure and looks for another file.
 *
 * KillMode=process stays: PostgreSQL outlives a killed Patroni, and the next one finds it running.
 */
function renderDropIn(site: Site, assemble: string): string {
  const watchdog =
    site.watchdog === 'softdog'
      ? `# The kernel resets the machine when Patroni stops telling it that the lease is held.
ExecStartPre=+/sbin/modprobe softdog
ExecStartPre=+/bin/chown postgres /dev/watchdog
`
      : '';
  return `[Unit]
After=network-online.target pgha-secrets.service pgha-repositories.service
Wants=network-online.target
RequiresMountsFor=${dataMount}
ConditionPathExists=
ConditionPathExists=${patroniConfigDirectory}/10-machine.yml
# No secrets, no etcd, no disk yet: it keeps trying.
StartLimitIntervalSec=0

[Service]
# A restore in place says when.
ExecCondition=+${restoreInPlaceProgram} gate
${watchdog}ExecStartPre=${assemble}
ExecStart=
ExecStart=${patroniProgram} ${patroniConfigDirectory}
ExecReload=
ExecReload=${assemble}
ExecReload=/bin/kill -s HUP $MAINPID
Restart=always
RestartSec=1
# A clean stop writes a checkpoint, and hands the leadership over once a standby has it.
TimeoutStopSec=120
# The postmaster is the last to be killed for memory, its backends are not (PostgreSQL manual, 18.4.4).
OOMScoreAdjust=-900
Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj PG_OOM_ADJUST_VALUE=0
Environment=PYTHONUNBUFFERED=1
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
`;
}
