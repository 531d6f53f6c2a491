/** What one member's postgresql.conf depends on. */
export interface ServerSettings {
  port: number;
  /** The member whose acknowledgement a commit waits for; null for nobody's. */
  waitsFor: string | null;
  /** Where a replica streams from; a primary ignores it. */
  upstream: { port: number; user: string; password: string; name: string } | null;
}

/** Renders postgresql.conf. `fsync` and its kind are left at PostgreSQL's safe defaults on purpose. */
export function renderPostgresConf({ port, waitsFor, upstream }: ServerSettings): string {
  return `${[
    setting('listen_addresses', '127.0.0.1'),
    setting('port', port),
    // a socket path would be bound to 107 bytes and to who may traverse it
    setting('unix_socket_directories', ''),
    setting('max_connections', 120),
    setting('superuser_reserved_connections', 5),
    setting('shared_buffers', '256MB'),
    setting('password_encryption', 'scram-sha-256'),
    setting('timezone', 'UTC'),
    setting('log_timezone', 'UTC'),
    setting('lc_messages', 'C'),
    setting('jit', 'off'),
    setting('wal_level', 'replica'),
    setting('wal_log_hints', 'on'),
    setting('max_wal_senders', 10),
    setting('max_replication_slots', 10),
    // a replica that stays away is built anew rather than filling the disk
    setting('max_slot_wal_keep_size', '2GB'),
    setting('synchronous_commit', 'on'),
    setting('synchronous_standby_names', waitsFor === null ? '' : `FIRST 1 ("${waitsFor}")`),
    // a hung replica holds commits up for this long at most
    setting('wal_sender_timeout', '3s'),
    setting('wal_receiver_timeout', '5s'),
    setting('wal_receiver_status_interval', '1s'),
    setting('wal_retrieve_retry_interval', '200ms'),
    setting('hot_standby', 'on'),
    setting('hot_standby_feedback', 'on'),
    // a client behind a broken connection gives its locks back in ten seconds
    setting('tcp_keepalives_idle', '5s'),
    setting('tcp_keepalives_interval', '2s'),
    setting('tcp_keepalives_count', 3),
    setting('client_connection_check_interval', '2s'),
    ...(upstream === null
      ? []
      : [
          setting(
            'primary_conninfo',
            `host=127.0.0.1 port=${upstream.port} user=${upstream.user} password=${upstream.password} application_name=${upstream.name} connect_timeout=2`,
          ),
          setting('primary_slot_name', upstream.name),
        ]),
  ].join('\n')}\n`;
}

/** Loopback only, and a password for everybody: the data of one user of the machine is not another's. */
export function renderHba(): string {
  return ['host all all 127.0.0.1/32 scram-sha-256', 'host replication all 127.0.0.1/32 scram-sha-256', ''].join('\n');
}

function setting(name: string, value: string | number): string {
  return `${name} = '${String(value).replaceAll("'", "''")}'`;
}
