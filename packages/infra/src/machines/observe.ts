import { type Cluster, type Node, ports } from '../cluster/index.ts';
import { routerSocket } from './config/haproxy.ts';
import { pgbouncerSocketDirectory } from './config/pgbouncer.ts';
import { dataMount } from './config/postgresql.ts';
import { regionProgram } from './config/region.ts';
import { servicesRegionProgram } from './config/services-region.ts';
import { type Machine, machineFile } from './machine.ts';
import { programFile } from './program.ts';
import { caFile } from './tls.ts';

/** The program that tells what a machine is and does, as one JSON object. */
export const observeProgram = '/usr/local/sbin/pgha-observe';

/** Adds the program with what it needs to know of this machine, the units that have to run among it. */
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
      machineFile('/etc/pgha/observe.json', `${JSON.stringify(settings, null, 1)}\n`),
    ],
  };
}

const readyUrls = ({ hostname }: Node) => ({
  api: `https://${hostname}:${ports.api}/ready`,
  'read-api': `https://${hostname}:${ports.readApi}/ready`,
});
