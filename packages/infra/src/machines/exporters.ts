import { stringify } from 'yaml';
import { type Cluster, type Node, nodesOf, ports } from '../cluster/index.ts';
import { socketDirectory } from './config/postgresql.ts';
import { type Listener, type MachineFile, type MachinePart, machineFile, type UnitAction } from './machine.ts';
import { programFile } from './program.ts';
import { caFile, machineCertificate, tlsFilesOf } from './tls.ts';

/** Where an exporter that runs as `user` finds what makes it speak TLS to the monitoring machine alone. */
export function exporterWebConfigPath(user: string): string {
  return `/etc/pgha/exporter-${user}.yml`;
}

/**
 * Prometheus' web configuration for the exporters of one system user: TLS, and only the monitoring machine's certificate is
 * let in. Figures tell an attacker which table to look for; a security group alone would be one mistake from publishing them.
 *
 * @param units the exporters that use it; they read certificates at each handshake, so only this file restarts them.
 */
export function exporterWebConfig(cluster: Cluster, user: string, units: readonly string[]): MachineFile {
  const { certificate, key } = tlsFilesOf(user);
  const content = stringify({
    tls_server_config: {
      cert_file: certificate,
      key_file: key,
      client_ca_file: caFile,
      client_auth_type: 'RequireAndVerifyClientCert',
      client_allowed_sans: nodesOf(cluster.primary, 'monitoring').map(({ hostname }) => hostname),
      min_version: 'TLS13',
    },
  });
  const restart = units.map((unit): UnitAction => ({ unit, action: 'restart' }));
  return machineFile(exporterWebConfigPath(user), content, { onChange: restart });
}

/** Who may dial an exporter: the monitoring machine, whichever region it stands in. */
export function exporterListener(port: number, purpose: string): Listener {
  return { port, purpose, from: ['monitoring'], speaks: 'tls' };
}

/** Where the node exporter takes figures from that programs leave as text; empty after a boot, so that none is from before. */
export const textFolder = '/run/pgha-metrics';

/** What the units' figures are kept of: ours and the programs that serve, not Debian's own three hundred. */
const watchedUnits =
  '(pgha-.+|patroni|etcd|pgbouncer|haproxy|prometheus.*|grafana-server|ssh|unattended-upgrades)[.](service|timer|socket)';

/** The machine's own figures: the node exporter, and when its certificate ends. Nothing where nobody monitors. */
export function nodeExporter(cluster: Cluster, node: Node): MachinePart {
  if (!cluster.monitoring) return {};
  const unit = 'prometheus-node-exporter.service';
  const options = [
    `--web.listen-address=:${ports.nodeExporter}`,
    `--web.config.file=${exporterWebConfigPath('prometheus')}`,
    '--collector.systemd',
    `--collector.systemd.unit-include=${watchedUnits}`,
    `--collector.textfile.directory=${textFolder}`,
    // each of these is a process or a series that no signal reads
    '--no-collector.arp',
    '--no-collector.bcache',
    '--no-collector.btrfs',
    '--no-collector.infiniband',
    '--no-collector.ipvs',
    '--no-collector.nfs',
    '--no-collector.nfsd',
    '--no-collector.softnet',
    '--no-collector.xfs',
    '--no-collector.zfs',
  ];
  return {
    // openssl: reads the certificates' ends
    packages: ['openssl', 'prometheus-node-exporter'],
    files: [
      machineFile('/etc/tmpfiles.d/pgha-metrics.conf', `d ${textFolder} 0775 root prometheus -\n`),
      machineFile('/etc/default/prometheus-node-exporter', `ARGS="${options.join(' ')}"\n`, {
        onChange: [{ unit, action: 'restart' }],
      }),
      exporterWebConfig(cluster, 'prometheus', [unit]),
      programFile('pgha-certificate-metrics.sh', '/usr/local/sbin/pgha-certificate-metrics'),
      ...['pgha-certificate-metrics.service', 'pgha-certificate-metrics.timer'].map((name) =>
        programFile(name, `/etc/systemd/system/${name}`, { mode: '0644' }),
      ),
    ],
    secrets: machineCertificate(cluster, node, 'prometheus'),
    units: [
      { unit, state: 'started' },
      { unit: 'pgha-certificate-metrics.timer', state: 'started' },
    ],
    listens: [exporterListener(ports.nodeExporter, 'figures of the machine')],
  };
}

/** What the exporter of PostgreSQL does not tell: damaged pages, and how near the transaction numbers are to their end. */
export function databaseFigures(cluster: Cluster): MachinePart {
  if (!cluster.monitoring) return {};
  const timer = 'pgha-database-metrics.timer';
  return {
    files: [
      programFile('pgha-database-metrics.sh', '/usr/local/sbin/pgha-database-metrics'),
      machineFile('/etc/systemd/system/pgha-database-metrics.service', renderDatabaseMetricsUnit(cluster)),
      machineFile(`/etc/systemd/system/${timer}`, databaseMetricsTimer),
    ],
    units: [{ unit: timer, state: 'started' }],
  };
}

const renderDatabaseMetricsUnit = (cluster: Cluster) => `[Unit]
Description=Write down what PostgreSQL knows of its own health
After=patroni.service

[Service]
Type=oneshot
# the exporter's system user; the role has no password
User=prometheus
ExecStart=/usr/local/sbin/pgha-database-metrics "user=monitoring host=${socketDirectory} dbname=${cluster.database} connect_timeout=5" ${textFolder}/pgha-database.prom
# a server that is down is another alert's business (psql ends with 2 then)
SuccessExitStatus=2
TimeoutStartSec=20
ProtectSystem=strict
ReadWritePaths=${textFolder}
ProtectHome=yes
PrivateTmp=yes
PrivateNetwork=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
`;

const databaseMetricsTimer = `[Unit]
Description=Write down what PostgreSQL knows of its own health

[Timer]
OnBootSec=60
OnUnitInactiveSec=30
AccuracySec=5

[Install]
WantedBy=timers.target
`;
