import {
  allNodes,
  type Cluster,
  defineCluster,
  instanceTypeNamed,
  type Node,
  type Region,
  regionOf,
} from '@pgha/infra/cluster';
import { renderMachine, toUserData } from '@pgha/infra/machines';
import type { Authority } from '../secrets/index.ts';
import { gatewayOf, labCidr, neighboursOf, networkNames, prefixLengthOf } from './addresses.ts';
import type { BootPlan, MachinePlan } from './machines.ts';
import type { LabRecord } from './record.ts';
import { labSite } from './site.ts';

const mib = 1024 ** 2;

/** Everything a cluster's machine needs to boot in the lab; its user-data is the one EC2 would get, for this site. */
export function planMachine(
  { cluster, dataVolumes = false }: Pick<LabRecord, 'cluster' | 'dataVolumes'>,
  node: Node,
  authority: Authority,
): MachinePlan {
  const region = regionOf(cluster, node);
  const site = labSite(cluster, region, authority);
  const isDatabase = node.role === 'postgres' || node.role === 'standby';
  return {
    ...bootPlanOf(cluster, node),
    userData: toUserData(cluster, renderMachine(cluster, node, site), site, region.awsRegion),
    files: [],
    volumeBytes: dataVolumes && isDatabase ? cluster.volumes.dataGib * 1024 * mib : null,
  };
}

/** What a machine that has a disk already needs to boot from it. */
export function bootPlanOf(cluster: Cluster, node: Node): BootPlan {
  const region: Region = regionOf(cluster, node);
  return {
    name: node.name,
    hostname: node.hostname,
    memoryBytes: instanceTypeNamed(node.instanceType).memoryMib * mib,
    attachment: {
      namespace: networkNames.region(region.kind),
      bridge: networkNames.bridge,
      addresses: [node.address],
      prefixLength: prefixLengthOf(region.cidr),
      gateway: gatewayOf(region.cidr),
      neighbours: neighboursOf(region),
    },
  };
}

/** The packages of every role together, so that one image serves every lab whatever it leaves out. */
export function packagesOfEveryRole(authority: Authority): readonly string[] {
  const everything = defineCluster({ environment: 'lab', adminCidrs: [labCidr] });
  const packages = allNodes(everything).flatMap((node) => {
    const site = labSite(everything, regionOf(everything, node), authority);
    return renderMachine(everything, node, site).packages;
  });
  return [...new Set(packages)].sort();
}
