import { allNodes, type Cluster, instanceTypeNamed, type Node, type Region, regionOf } from '@pgha/infra/cluster';
import { renderMachine, toUserData } from '@pgha/infra/machines';
import type { Authority } from '../secrets/index.ts';
import { gatewayOf, neighboursOf, networkNames, prefixLengthOf } from './addresses.ts';
import type { BootPlan, MachinePlan } from './machines.ts';
import { labSite } from './site.ts';

const mib = 1024 ** 2;

/** Everything a cluster's machine needs to boot in the lab; its user-data is the one EC2 would get, for this site. */
export function planMachine(cluster: Cluster, node: Node, authority: Authority): MachinePlan {
  const region = regionOf(cluster, node);
  const site = labSite(cluster, region, authority);
  return {
    ...bootPlanOf(cluster, node),
    userData: toUserData(renderMachine(cluster, node, site), site, region.awsRegion),
    files: [],
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

/** The packages of every role together: what the image holds. */
export function packagesOf(cluster: Cluster, authority: Authority): readonly string[] {
  const packages = allNodes(cluster).flatMap((node) => {
    const site = labSite(cluster, regionOf(cluster, node), authority);
    return renderMachine(cluster, node, site).packages;
  });
  return [...new Set(packages)].sort();
}
