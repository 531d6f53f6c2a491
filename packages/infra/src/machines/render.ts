import { type Cluster, type Node, regionOf } from '../cluster/index.ts';
import { apiServer } from './api.ts';
import { bastion } from './bastion.ts';
import { machineProgram } from './cloud-init.ts';
import { etcdMember } from './etcd.ts';
import { etcdFigures, nodeExporter } from './exporters.ts';
import { assembleMachine, type Machine, type MachinePart, type Site } from './machine.ts';
import { monitoringServer } from './monitoring.ts';
import { withObservation } from './observe.ts';
import { operatingSystem } from './operating-system.ts';
import { databaseServer } from './postgres.ts';
import { withSecretFetching } from './secrets.ts';
import { systemsManager } from './systems-manager.ts';

/**
 * Renders one machine of the cluster, whole: the same value boots on EC2 and in the lab.
 *
 * @param site where it stands: endpoints, devices and names that differ between the two.
 */
export function renderMachine(cluster: Cluster, node: Node, site: Site): Machine {
  const machine = assembleMachine(node, [
    { files: machineProgram(), units: [{ unit: 'pgha-machine.service', state: 'enabled' }] },
    operatingSystem(node, site),
    systemsManager(regionOf(cluster, node), site),
    ...partsOf(cluster, node, site),
    nodeExporter(cluster, node),
  ]);
  return withSecretFetching(withObservation(cluster, machine), regionOf(cluster, node).awsRegion, site);
}

function partsOf(cluster: Cluster, node: Node, site: Site): readonly MachinePart[] {
  switch (node.role) {
    case 'etcd':
      return [etcdMember(cluster, node), etcdFigures(cluster)];
    case 'postgres':
    case 'standby':
      return databaseServer(cluster, node, site);
    case 'api':
      return apiServer(cluster, node, site);
    case 'bastion':
      return [bastion(cluster, node)];
    case 'monitoring':
      return monitoringServer(cluster, node, site);
  }
}
