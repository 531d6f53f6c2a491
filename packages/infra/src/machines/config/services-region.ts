import { type Cluster, type Node, regionsOf } from '../../cluster/index.ts';
import { type MachinePart, machineFile } from '../machine.ts';
import { programFile } from '../program.ts';
import { caFile } from '../tls.ts';

/** On an API server: points both services to a region's database. */
export const servicesRegionProgram = '/usr/local/sbin/pgha-services-region';

/** The services' own hosts file; they see it in the place of the machine's. */
const hostsFile = '/run/pgha-services/hosts';
const unit = 'pgha-services-region.service';

/**
 * What lets the services of this machine follow the acting region: the program, and what it chooses from. Nothing where there is
 * one region.
 */
export function servicesRegion(
  cluster: Cluster,
  node: Node,
  services: readonly { name: string; port: number }[],
): MachinePart {
  if (cluster.dr === null) return {};
  const config = {
    name: databaseHost(cluster),
    home: cluster.primary.awsRegion,
    regions: Object.fromEntries(
      regionsOf(cluster).map(({ awsRegion, loadBalancer }) => [awsRegion, loadBalancer.addresses]),
    ),
    units: services.map(({ name }) => `pgha-${name}.service`),
    ready: services.map(({ port }) => `https://${node.hostname}:${port}/ready`),
    ca: caFile,
  };
  return {
    files: [
      programFile('pgha-services-region.py', servicesRegionProgram),
      machineFile('/etc/pgha/services-region.json', `${JSON.stringify(config, null, 1)}\n`, {
        onChange: [{ unit, action: 'restart' }],
      }),
      machineFile(`/etc/systemd/system/${unit}`, renderUnit),
    ],
    units: [{ unit, state: 'started' }],
  };
}

/** The one name that every API server dials, whichever region acts and wherever the server stands. */
export function databaseHost(cluster: Cluster): string {
  return cluster.primary.loadBalancer.hostname;
}

/** What a service's unit says so that the service sees that file. */
export function servicesRegionLines(cluster: Cluster): { unit: string; service: string } {
  if (cluster.dr === null) return { unit: '', service: '' };
  return {
    unit: `Wants=${unit}\nAfter=${unit}\n`,
    service: `# where the database's name leads: to the region that acts\nBindReadOnlyPaths=${hostsFile}:/etc/hosts\n`,
  };
}

const renderUnit = `[Unit]
Description=Configure the database endpoints of the services

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${servicesRegionProgram} render

[Install]
WantedBy=multi-user.target
`;
