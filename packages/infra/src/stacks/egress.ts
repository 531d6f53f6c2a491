import { type Cluster, networkName } from '../cluster/index.ts';
import type { Network } from './network.ts';
import { Construct, Eip, type Instance, NatGateway, Route } from './terraform.ts';

/** The way out for machines without a public address: the bastion, or a NAT gateway that AWS runs. */
export class Egress extends Construct {
  constructor(scope: Construct, id: string, cluster: Cluster, network: Network, bastion: Instance) {
    super(scope, id);
    const wayOut =
      cluster.egress === 'bastion'
        ? { networkInterfaceId: bastion.primaryNetworkInterfaceId }
        : { natGatewayId: this.addGateway(cluster, network).id };
    new Route(this, 'private-way-out', {
      routeTableId: network.routeTables.private.id,
      destinationCidrBlock: '0.0.0.0/0',
      ...wayOut,
    });
  }

  private addGateway(cluster: Cluster, network: Network): NatGateway {
    const address = new Eip(this, 'address', { domain: 'vpc', tags: { Name: `${networkName(cluster)}-nat` } });
    return new NatGateway(this, 'nat', {
      allocationId: address.allocationId,
      // one for all zones: when its zone is away, the database goes on and the second repository waits
      subnetId: network.subnetIn('public', 0).id,
      dependsOn: [network.internetGateway],
      tags: { Name: networkName(cluster) },
    });
  }
}
