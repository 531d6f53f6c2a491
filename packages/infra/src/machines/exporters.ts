import { stringify } from 'yaml';
import { type Cluster, type Node, nodesOf, ports } from '../cluster/index.ts';
import { socketDirectory } from './config/postgresql.ts';
import { figuresTimer, textFolder } from './config/text-folder.ts';
import { type Listener, type MachineFile, type MachinePart, machineFile, type UnitAction } from './machine.ts';
import { programFile } from './program.ts';
import { caFile, machineCertificate, tlsFilesOf } from './tls.ts';

/** What PostgreSQL is asked about its health, by the alerts and by `pgha status`. */
export const healthQueries = '/usr/local/lib/pgha/health.sql';

/** The program that tells which ports of the other members are reached. */
export const reachProgram = '/usr/local/sbin/pgha-reach';

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
    listens: [exporterListener(ports.nodeExporter, 'metrics of the node')],
  };
}

/** What the exporter of PostgreSQL does not tell: its health, whether commits end, and which members' ports are reached. */
export function databaseFigures(cluster: Cluster): MachinePart {
  if (!cluster.monitoring) return {};
  const connection = `user=monitoring host=${socketDirectory} dbname=${cluster.database} connect_timeout=5`;
  const health = writtenFigures({
    name: 'pgha-database-metrics',
    does: 'Export health metrics of PostgreSQL',
    command: `/usr/local/sbin/pgha-database-metrics "${connection}" ${healthQueries} ${textFolder}/pgha-database.prom`,
    // the exporter's system user; the role has no password. A server that is down is another alert's business (psql ends with 2)
    service: ['User=prometheus', 'SuccessExitStatus=2', 'PrivateNetwork=yes'],
  });
  const reach = writtenFigures({
    name: 'pgha-reach',
    does: 'Export which ports of the other members are reachable',
    command: `${reachProgram} ${textFolder}/pgha-reach.prom`,
    service: ['User=prometheus'],
  });
  return {
    files: [
      programFile('pgha-database-metrics.sh', '/usr/local/sbin/pgha-database-metrics'),
      ...health.files,
      ...reach.files,
    ],
    units: [...health.units, ...reach.units],
  };
}

/** What etcd tells of its alarms only to an administrator. */
export function etcdFigures(cluster: Cluster): MachinePart {
  if (!cluster.monitoring) return {};
  const alarms = writtenFigures({
    name: 'pgha-etcd-alarms',
    does: 'Export the alarms of etcd',
    command: `/usr/local/sbin/pgha-etcd-alarms ${textFolder}/pgha-etcd-alarms.prom`,
    // the key of its certificate is etcd's own
    capabilities: 'CAP_DAC_READ_SEARCH',
    // the administrator's password is root's. An etcd that does not answer, or is not set up yet, is another alert's business
    service: ['SuccessExitStatus=1 78'],
    // each login is a password hash on a small machine
    everySeconds: 30,
  });
  return {
    files: [programFile('pgha-etcd-alarms.sh', '/usr/local/sbin/pgha-etcd-alarms'), ...alarms.files],
    units: alarms.units,
  };
}

interface WrittenFigures {
  name: string;
  does: string;
  command: string;
  service: readonly string[];
  everySeconds?: number;
  capabilities?: string;
}

/** A program that leaves figures as text for the node exporter, every few seconds: an alert names its cause within a minute. */
function writtenFigures({ name, does, command, service, everySeconds = 15, capabilities = '' }: WrittenFigures) {
  return {
    files: [
      machineFile(
        `/etc/systemd/system/${name}.service`,
        `[Unit]
Description=${does}

[Service]
Type=oneshot
${service.join('\n')}
ExecStart=${command}
TimeoutStartSec=20
ProtectSystem=strict
ReadWritePaths=${textFolder}
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=${capabilities}
`,
      ),
      machineFile(`/etc/systemd/system/${name}.timer`, figuresTimer(does, everySeconds)),
    ],
    units: [{ unit: `${name}.timer`, state: 'started' as const }],
  };
}
