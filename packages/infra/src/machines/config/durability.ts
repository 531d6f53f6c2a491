import { type Cluster, type Node, ports, regionOf } from '../../cluster/index.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { caFile } from '../tls.ts';
import { durabilityDescription, durabilityProgram, durabilityUnit } from './bundled-units.ts';
import { patroniDynamicConfig } from './patroni.ts';
import { pgbouncerIni, pinCommit } from './pgbouncer.ts';
import { durabilityParameters } from './postgresql.ts';
import { figuresTimer } from './text-folder.ts';

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
            machineFile(`/etc/systemd/system/${service}`, durabilityUnit, { bundledAs: service }),
            machineFile(`/etc/systemd/system/${timer}`, figuresTimer(durabilityDescription, everySeconds)),
          ]
        : []),
    ],
    units: cluster.monitoring ? [{ unit: timer, state: 'started' }] : [],
  };
}
