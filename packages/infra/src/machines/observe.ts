import { type Cluster, type Node, ports } from '../cluster/index.ts';
import { durabilityProgram } from './config/durability.ts';
import { routerSocket } from './config/haproxy.ts';
import { dataMount, pgbouncerSocketDirectory } from './config/postgresql.ts';
import { regionProgram } from './config/region.ts';
import { restoreTestResults } from './config/restore.ts';
import { servicesRegionProgram } from './config/services-region.ts';
import { type Machine, machineFile } from './machine.ts';
import { programFile } from './program.ts';
import { caFile } from './tls.ts';

/** The program that tells which certificates a machine has, and which ones it shows. */
export const certificatesProgram = '/usr/local/sbin/pgha-certificates';

/** The program that tells what a machine is and does, as one JSON object. */
export const observeProgram = '/usr/local/sbin/pgha-observe';

/** Tells what holds vacuum, replay or a slot of a database machine back. */
const holdersProgram = '/usr/local/lib/pgha/holders';

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
          ...(cluster.dr === null ? {} : { regionProgram }),
        }
      : {}),
    ...(node.role === 'api'
      ? { services: readyUrls(node), ...(cluster.dr === null ? {} : { servicesRegionProgram }) }
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
      programFile('pgha-certificates.py', certificatesProgram),
      machineFile('/etc/pgha/certificates.json', `${JSON.stringify(certificateSettings(machine), null, 1)}\n`),
    ],
  };
}

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
