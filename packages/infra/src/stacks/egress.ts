import { type Cluster, natGatewayAddress, networkName, type Region } from '../cluster/index.ts';
import type { Network } from './network.ts';
import { Construct, Eip, type Instance, NatGateway, Route } from './terraform.ts';

/** The way out for machines without a public address: the bastion, or a NAT gateway that AWS runs. */
export class Egress extends Construct {
  constructor(scope: Construct, id: string, cluster: Cluster, region: Region, network: Network, bastion: Instance) {
    super(scope, id);
    const wayOut =
      cluster.egress === 'bastion'
        ? { networkInterfaceId: bastion.primaryNetworkInterfaceId }
        : { natGatewayId: this.addGateway(cluster, region, network).id };
    new Route(this, 'private-way-out', {
      routeTableId: network.routeTables.private.id,
      destinationCidrBlock: '0.0.0.0/0',
      ...wayOut,
    });
  }

  private addGateway(cluster: Cluster, region: Region, network: Network): NatGateway {
    const address = new Eip(this, 'address', { domain: 'vpc', tags: { Name: `${networkName(cluster)}-nat` } });
    return new NatGateway(this, 'nat', {
      allocationId: address.allocationId,
      // one for all zones: when its zone is away, the database goes on and the second repository waits
      subnetId: network.subnetIn('public', 0).id,
      // AWS would take any address that is free, also one that is promised to a node which is not there yet or being replaced
      privateIp: natGatewayAddress(region),
      // one that runs keeps the address it was given: another address is another gateway
      lifecycle: { ignoreChanges: ['private_ip'] },
      dependsOn: [network.internetGateway],
      tags: { Name: networkName(cluster) },
    });
  }
}
