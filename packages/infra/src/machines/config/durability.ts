import { type Cluster, type Node, ports, regionOf } from '../../cluster/index.ts';
import { textFolder } from '../exporters.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { caFile } from '../tls.ts';
import { confined } from './confinement.ts';
import { patroniDynamicConfig } from './patroni.ts';
import { pgbouncerIni, pinCommit } from './pgbouncer.ts';
import { durabilityParameters } from './postgresql.ts';

/** Finds what undoes a setting that acknowledged commits rest on; takes back what stands in the server's files. */
export const durabilityProgram = '/usr/local/sbin/pgha-durability';

const service = 'pgha-durability.service';
const timer = 'pgha-durability.timer';
/** With a scrape, an evaluation and Alertmanager's own wait, ten seconds at most each, it stays below a minute. */
const everySeconds = 15;

/** The values that suffice, by setting; what is not among them is an override. */
const enough: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.entries(durabilityParameters).map(([name, value]) => [name, [value]])),
  synchronous_commit: ['on', 'remote_apply'],
  wal_level: ['replica', 'logical'],
  archive_mode: ['on', 'always'],
  archive_library: [''],
  data_checksums: ['on'],
};

/** What Patroni alone writes: whatever else a file says of these undoes it. */
const owned = ['synchronous_standby_names', 'archive_command'];

/** What of Patroni's dynamic configuration an acknowledgement rests on. */
const dynamicKeys = ['synchronous_mode', 'synchronous_mode_strict', 'synchronous_node_count'];

/** The program, and the unit that leaves what it finds for the node exporter; the unit only where somebody monitors. */
export function durability(cluster: Cluster, node: Node): MachinePart {
  const dynamic = patroniDynamicConfig(cluster, regionOf(cluster, node));
  const settings = {
    enough,
    owned,
    dynamic: Object.fromEntries(dynamicKeys.map((key) => [key, dynamic[key]])),
    pin: pinCommit,
    poolerFile: pgbouncerIni,
    patroni: `https://${node.hostname}:${ports.patroni}`,
    ca: caFile,
  };
  return {
    files: [
      programFile('pgha-durability.py', durabilityProgram),
      machineFile('/etc/pgha/durability.json', `${JSON.stringify(settings, null, 1)}\n`),
      ...(cluster.monitoring
        ? [
            machineFile(`/etc/systemd/system/${service}`, serviceUnit),
            machineFile(`/etc/systemd/system/${timer}`, timerUnit),
          ]
        : []),
    ],
    units: cluster.monitoring ? [{ unit: timer, state: 'started' }] : [],
  };
}

const description = 'Look for settings that undo what acknowledged commits rest on';

const serviceUnit = `[Unit]
Description=${description}
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

const timerUnit = `[Unit]
Description=${description}

[Timer]
OnBootSec=60
OnUnitInactiveSec=${everySeconds}
AccuracySec=1

[Install]
WantedBy=timers.target
`;
