import { type Cluster, peerOf, type Region } from '../cluster/index.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { Network } from './network.ts';
import { Construct, Route53Record, Route53Zone } from './terraform.ts';

/** Addresses change when a machine is moved by hand; nobody should wait long for the new one. */
const ttlSeconds = 60;

/**
 * The private zone as one region sees it: every machine and both load balancers, by addresses that the configuration fixes.
 * Each region has its own copy, so that neither needs the other, nor Route 53's control plane in us-east-1, to find a name.
 */
export class PrivateZone extends Construct {
  constructor(
    scope: Construct,
    id: string,
    cluster: Cluster,
    region: Region,
    { network, loadBalancer }: { network: Network; loadBalancer: LoadBalancer },
  ) {
    super(scope, id);
    const { zoneId } = new Route53Zone(this, 'zone', {
      name: cluster.zone,
      comment: `${cluster.project} ${cluster.environment}, ${region.awsRegion}`,
      vpc: [{ vpcId: network.vpcId }],
    });
    const addRecord = (name: string, hostname: string, addresses: readonly string[]) =>
      new Route53Record(this, name, { zoneId, name: hostname, type: 'A', ttl: ttlSeconds, records: [...addresses] });

    const peer = peerOf(cluster, region);
    for (const node of [...region.nodes, ...(peer?.nodes ?? [])]) addRecord(node.name, node.hostname, [node.address]);
    // an alias, so that an address of a zone that is away is not handed out
    new Route53Record(this, 'load-balancer', {
      zoneId,
      name: region.loadBalancer.hostname,
      type: 'A',
      alias: { name: loadBalancer.dnsName, zoneId: loadBalancer.zoneId, evaluateTargetHealth: false },
    });
    if (peer !== null) addRecord('peer-load-balancer', peer.loadBalancer.hostname, peer.loadBalancer.addresses);
  }
}
