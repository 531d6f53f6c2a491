import {
  type Cluster,
  instanceTypeNamed,
  loginsOf,
  maxConnections,
  type Node,
  peerOf,
  type Region,
  reservedSlots,
} from '../../cluster/index.ts';

const postgresqlVersion = 17;
/** The data volume's mount point; PostgreSQL's home in Debian. */
export const dataMount = '/var/lib/postgresql';
export const dataDirectory = `${dataMount}/${postgresqlVersion}/main`;
export const binDirectory = `/usr/lib/postgresql/${postgresqlVersion}/bin`;
export const socketDirectory = '/var/run/postgresql';
/** Patroni reads every file of it in order: what is rendered, then what has the secrets. `patronictl -c` takes it too. */
export const patroniConfigDirectory = '/etc/patroni/config';
export const patroniSecretsFile = `${patroniConfigDirectory}/20-secrets.yml`;
/** PgBouncer's control socket: it lets its own system user in as administrator there, without a password. */
export const pgbouncerSocketDirectory = '/run/pgbouncer';

/** The archive is at most this far behind: half of the RPO the archive is held to. */
export const archiveTimeoutSeconds = 30;

/**
 * The size of a WAL segment, chosen when a cluster is initialised and fixed from then on. What archive_timeout closes early is
 * streamed at its full length: docs/decisions/0008 has the sums.
 */
export const walSegmentMib = 4;

type Parameters = Record<string, string | number>;

/** What Patroni keeps in etcd for all members because a primary and its standbys must agree on it. */
export function sharedParameters(cluster: Cluster): Parameters {
  return {
    max_connections: maxConnections(cluster),
    max_worker_processes: 8,
    max_wal_senders: 10,
    max_replication_slots: 10,
    max_prepared_transactions: 0,
    max_locks_per_transaction: 64,
    track_commit_timestamp: 'off',
    wal_level: 'replica',
    wal_log_hints: 'on',
    // A gap a returning standby can bridge without the archive.
    wal_keep_size: '256MB',
    hot_standby: 'on',
  };
}

/**
 * What an acknowledged commit rests on. Among the machine's own parameters, which Patroni puts before those that
 * `patronictl edit-config` sets.
 */
export const durabilityParameters = {
  synchronous_commit: 'on',
  fsync: 'on',
  full_page_writes: 'on',
  // a page whose write failed is not in memory any more: the server has to recover from its WAL
  data_sync_retry: 'off',
  ignore_checksum_failure: 'off',
  zero_damaged_pages: 'off',
  // postgresql.auto.conf comes after everything that Patroni writes: what the cluster decides could be undone there
  allow_alter_system: 'off',
} as const;

/**
 * The parameters of one machine, sized from its instance type.
 *
 * @param tls certificate, key and CA of the machine.
 */
export function machineParameters(
  cluster: Cluster,
  node: Node,
  tls: { certificate: string; key: string; ca: string },
): Parameters {
  const { memoryMib, vcpus } = instanceTypeNamed(node.instanceType);
  // A quarter of the memory is the manual's advice (19.4.1) from 2 GiB on; below, the rest of the machine needs it.
  const sharedBuffersMib = memoryMib < 2048 ? memoryMib / 8 : memoryMib / 4;
  const dataMib = cluster.volumes.dataGib * 1024;
  return {
    shared_buffers: `${sharedBuffersMib}MB`,
    effective_cache_size: `${Math.floor(memoryMib / 2)}MB`,
    // Every connection may sort and hash at once and twice: together a quarter of the memory.
    work_mem: `${Math.max(1024, Math.floor((memoryMib * 1024) / (maxConnections(cluster) * 8)))}kB`,
    maintenance_work_mem: `${Math.min(1024, Math.floor(memoryMib / 16))}MB`,
    autovacuum_work_mem: `${Math.min(256, Math.floor(memoryMib / 32))}MB`,
    // For each process, a parallel worker too: a statement that needs more fails alone (SQLSTATE 53400) instead of filling the
    // volume under everybody. Ten processes at their limit take half of the volume; DiskSpaceLow fires before that.
    temp_file_limit: `${Math.floor(dataMib / 20)}MB`,
    max_parallel_workers: vcpus,
    max_parallel_workers_per_gather: Math.min(4, Math.floor(vcpus / 2)),
    max_parallel_maintenance_workers: Math.min(4, Math.floor(vcpus / 2)),
    huge_pages: 'try',
    // For the guards, the exporter and the backup when clients have taken all the others.
    reserved_connections: reservedSlots.privileged,
    // gp3 answers a random read as fast as a sequential one and many at a time.
    random_page_cost: 1.1,
    effective_io_concurrency: 200,

    wal_compression: 'lz4',
    min_wal_size: '160MB',
    // Recovery after a crash replays at most this much; a twentieth of the volume, 4 GiB at most.
    max_wal_size: `${Math.min(4096, Math.floor(dataMib / 20))}MB`,
    checkpoint_timeout: '15min',
    checkpoint_completion_target: 0.9,
    // A standby that stays away must not fill the disk: past three tenths of it its slot is given up and it is rebuilt.
    max_slot_wal_keep_size: `${Math.floor((dataMib * 3) / 10)}MB`,

    ...durabilityParameters,

    archive_mode: 'on',
    archive_timeout: `${archiveTimeoutSeconds}s`,

    hot_standby_feedback: 'on',
    max_standby_streaming_delay: '30s',
    max_standby_archive_delay: '60s',
    wal_receiver_timeout: '10s',
    wal_sender_timeout: '10s',
    wal_receiver_status_interval: '1s',
    // After a failover nothing is acknowledged until a standby follows the new primary; by default it tries every 5 s.
    wal_retrieve_retry_interval: '500ms',

    ssl: 'on',
    ssl_cert_file: tls.certificate,
    ssl_key_file: tls.key,
    ssl_ca_file: tls.ca,
    ssl_min_protocol_version: 'TLSv1.2',
    password_encryption: 'scram-sha-256',
    // A client whose machine is gone must not hold its locks for two hours.
    tcp_keepalives_idle: 10,
    tcp_keepalives_interval: 3,
    tcp_keepalives_count: 3,
    tcp_user_timeout: '12s',
    client_connection_check_interval: '5s',
    unix_socket_directories: socketDirectory,

    shared_preload_libraries: 'pg_stat_statements',
    track_io_timing: 'on',
    // A password or a customer's row in a statement's text must not be kept.
    'pg_stat_statements.track_utility': 'off',

    // Standard error goes to the journal, which is bounded; a log file of its own would not be.
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '%p %q%u@%d %a ',
    log_checkpoints: 'on',
    log_lock_waits: 'on',
    log_temp_files: '16MB',
    log_autovacuum_min_duration: '10s',
    log_min_duration_statement: '2s',
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
    log_connections: 'off',
    log_disconnections: 'off',
    cluster_name: cluster.scope,
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
}

/**
 * Who may log in from where. SCRAM over TLS everywhere but for the machine's own postgres and monitoring users on the local
 * socket; whoever copies the data directory also shows a certificate of the cluster's CA.
 */
export function accessRules(cluster: Cluster, region: Region): readonly string[] {
  const networks = [region, peerOf(cluster, region)].flatMap((peer) => (peer === null ? [] : [peer.cidr]));
  const withCertificate = 'scram-sha-256 clientcert=verify-ca';
  return [
    'local all postgres peer',
    'local all monitoring peer map=machine',
    `local ${cluster.database} backup peer map=machine`,
    // Patroni asks its own server for its timeline over replication, and rewinds it, by way of the loopback address.
    ...['127.0.0.1/32', ...networks].flatMap((network) => [
      `hostssl replication ${loginsOf('replication').join(',')} ${network} ${withCertificate}`,
      `hostssl postgres ${loginsOf('rewind').join(',')} ${network} ${withCertificate}`,
    ]),
    `hostssl ${cluster.database} pgha_owner,+pgbouncer_auth,+app,+readonly ${region.cidr} scram-sha-256`,
  ];
}

/** Which system user is which role on the local socket, without a password: the exporters' and pgBackRest's. */
export const identityMap = [
  'machine prometheus monitoring',
  'machine postgres monitoring',
  'machine postgres backup',
] as const;
