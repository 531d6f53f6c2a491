import { type Cluster, membersOf, type Node, ports, regionOf } from '../cluster/index.ts';
import { alertmanagerConfig } from './config/alertmanager.ts';
import { durabilityProgram, spaceProgram } from './config/bundled-units.ts';
import { deletedBackupsFile } from './config/deleted-backups.ts';
import { routerSocket } from './config/haproxy.ts';
import { dataMount, pgbouncerSocketDirectory } from './config/postgresql.ts';
import { pagesPasswordFile, pagesUser } from './config/prometheus.ts';
import { regionProgram } from './config/region.ts';
import { restoreTestResults } from './config/restore.ts';
import { servicesRegionProgram } from './config/services-region.ts';
import { healthQueries, reachProgram } from './exporters.ts';
import { type Machine, machineFile } from './machine.ts';
import { programFile } from './program.ts';
import { caFile } from './tls.ts';

/** The program that tells which certificates a machine has, and which ones it shows. */
export const certificatesProgram = '/usr/local/sbin/pgha-certificates';

/** The program that tells what a machine is and does, as one JSON object. */
export const observeProgram = '/usr/local/sbin/pgha-observe';

/** Tells what holds vacuum, replay or a slot of a database machine back. */
const holdersProgram = '/usr/local/lib/pgha/holders';
/** The program that tells whether the monitoring machine watches. */
const watchingProgram = '/usr/local/lib/pgha/watching';

/** Adds the programs with what they need to know of this machine, the units that have to run among it. */
export function withObservation(cluster: Cluster, machine: Machine): Machine {
  const { node } = machine;
  const isDatabase = node.role === 'postgres' || node.role === 'standby';
  const settings = {
    name: node.name,
    role: node.role,
    hostname: node.hostname,
    ca: caFile,
    mounts: ['/', ...(isDatabase ? [dataMount] : [])],
    units: machine.units.filter(({ state }) => state === 'started').map(({ unit }) => unit),
    ...(isDatabase
      ? {
          database: cluster.database,
          patroniPort: ports.patroni,
          poolerSocket: pgbouncerSocketDirectory,
          poolerPort: ports.pgbouncer,
          routerSocket,
          durabilityProgram,
          restoreTests: restoreTestResults,
          holdersProgram,
          spaceProgram,
          healthQueries,
          reachProgram,
          peers: peersOf(cluster, node),
          ...(cluster.dr === null ? {} : { regionProgram }),
        }
      : {}),
    ...(node.role === 'monitoring' ? { watchingProgram, watching: watchingSettings(node) } : {}),
    ...(node.role === 'api'
      ? {
          services: readyUrls(node),
          deletedBackups: deletedBackupsFile,
          ...(cluster.dr === null ? {} : { servicesRegionProgram }),
        }
      : {}),
  };
  return {
    ...machine,
    packages: [...new Set([...machine.packages, 'openssl', 'python3'])].sort(),
    files: [
      ...machine.files,
      programFile('pgha-observe.py', observeProgram),
      ...(isDatabase ? [programFile('pgha-holders.py', holdersProgram)] : []),
      machineFile('/etc/pgha/observe.json', `${JSON.stringify(settings, null, 1)}\n`),
      ...(isDatabase
        ? [programFile('pgha-health.sql', healthQueries, { mode: '0644' }), programFile('pgha-reach.py', reachProgram)]
        : []),
      ...(node.role === 'monitoring' ? [programFile('pgha-watching.py', watchingProgram)] : []),
      programFile('pgha-certificates.py', certificatesProgram),
      machineFile('/etc/pgha/certificates.json', `${JSON.stringify(certificateSettings(machine), null, 1)}\n`),
    ],
  };
}

/** The other members of a machine's region, with the ports that members and routers connect to. */
const peersOf = (cluster: Cluster, node: Node) =>
  membersOf(regionOf(cluster, node))
    .filter(({ name }) => name !== node.name)
    .map(({ name, address }) => ({ name, address, ports: [ports.postgres, ports.patroni] }));

const watchingSettings = ({ hostname }: Node) => ({
  hostname,
  ca: caFile,
  pagesUser,
  pagesPassword: pagesPasswordFile,
  prometheusPort: ports.prometheus,
  alertmanagerPort: ports.alertmanager,
  alertmanagerConfig,
});

function certificateSettings({ node, listens }: Machine) {
  return {
    address: node.address,
    ca: caFile,
    listeners: listens
      .filter(({ speaks }) => speaks !== undefined)
      .map(({ port, speaks, asksClients }) => ({ port, speaks, asksClients: asksClients === true })),
  };
}

const readyUrls = ({ hostname }: Node) => ({
  api: `https://${hostname}:${ports.api}/ready`,
  'read-api': `https://${hostname}:${ports.readApi}/ready`,
});
