import { type Cluster, ports } from '../../cluster/index.ts';
import { exporterListener, exporterWebConfig, exporterWebConfigPath } from '../exporters.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { pgbouncerSocketDirectory, socketDirectory } from './postgresql.ts';

const postgresUnit = 'prometheus-postgres-exporter.service';
const pgbouncerUnit = 'prometheus-pgbouncer-exporter.service';
const pgbackrestUnit = 'prometheus-pgbackrest-exporter.service';

/** The exporters of a database machine. None has a password: sockets and system users are enough. Nothing where nobody monitors. */
export function databaseExporters(cluster: Cluster): MachinePart {
  if (!cluster.monitoring) return {};
  const listens = [
    exporterListener(ports.postgresExporter, 'metrics of PostgreSQL'),
    exporterListener(ports.pgbouncerExporter, 'metrics of PgBouncer'),
    exporterListener(ports.pgbackrestExporter, 'metrics of pgBackRest'),
  ];
  const defaults = (unit: string, lines: readonly string[]) =>
    machineFile(`/etc/default/${unit.replace('.service', '')}`, `${lines.join('\n')}\n`, {
      onChange: [{ unit, action: 'restart' }],
    });
  const dropIn = (unit: string) => machineFile(`/etc/systemd/system/${unit}.d/pgha.conf`, hardening);
  return {
    packages: ['prometheus-postgres-exporter', 'prometheus-pgbouncer-exporter', 'prometheus-pgbackrest-exporter'],
    files: [
      exporterWebConfig(cluster, 'postgres', [pgbouncerUnit, pgbackrestUnit]),
      defaults(postgresUnit, [
        `DATA_SOURCE_NAME="user=monitoring host=${socketDirectory} dbname=${cluster.database} sslmode=disable"`,
        `ARGS="--web.listen-address=:${ports.postgresExporter} --web.config.file=${exporterWebConfigPath('prometheus')} --collector.long_running_transactions --collector.stat_wal_receiver"`,
      ]),
      defaults(pgbouncerUnit, [
        `ARGS="--web.listen-address=:${ports.pgbouncerExporter} --web.config.file=${exporterWebConfigPath('postgres')} --pgBouncer.connectionString=postgres:///pgbouncer?host=${pgbouncerSocketDirectory}&port=${ports.pgbouncer}&user=pgbouncer&sslmode=disable"`,
      ]),
      defaults(pgbackrestUnit, [
        // every collection reads both repositories
        `ARGS="--web.listen-address=:${ports.pgbackrestExporter} --web.config.file=${exporterWebConfigPath('postgres')} --collect.interval=300 --backrest.stanza-include=${cluster.scope}"`,
      ]),
      ...[postgresUnit, pgbouncerUnit, pgbackrestUnit].map(dropIn),
    ],
    units: [postgresUnit, pgbouncerUnit, pgbackrestUnit].map((unit) => ({ unit, state: 'started' })),
    listens,
  };
}

const hardening = `[Unit]
StartLimitIntervalSec=0

[Service]
Restart=always
RestartSec=5
# metrics are dropped first when memory is low
OOMScoreAdjust=500
Environment=GOMAXPROCS=1 GOMEMLIMIT=48MiB
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
`;
