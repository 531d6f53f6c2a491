import { type Cluster, networkName, type Region } from '../cluster/index.ts';
import { ClusterStack, type Deployment } from './cluster-stack.ts';
import { routeTableName, type Side } from './network.ts';
import {
  type AwsProvider,
  type Construct,
  DataAwsRouteTable,
  DataAwsVpc,
  Route,
  VpcPeeringConnection,
  VpcPeeringConnectionAccepter,
  VpcPeeringConnectionOptions,
} from './terraform.ts';

/** One end of the peering. */
interface NetworkEnd {
  region: Region;
  /** undefined: the stack's own. */
  provider: { provider?: AwsProvider };
  vpcId: string;
}

/**
 * What spans both regions, and nothing else does. Its state is the second region's, which is the one that is left when it
 * matters.
 */
export class PeeringStack extends ClusterStack {
  constructor(scope: Construct, deployment: Deployment, primary: Region, dr: Region) {
    super(scope, 'peering', deployment, dr);
    const { cluster } = deployment;
    const far = this.addProvider('peering', deployment, primary);
    const requester = this.findNetwork(cluster, dr, {});
    const accepter = this.findNetwork(cluster, primary, { provider: far });

    const connection = new VpcPeeringConnection(this, 'connection', {
      vpcId: requester.vpcId,
      peerVpcId: accepter.vpcId,
      peerRegion: primary.awsRegion,
      autoAccept: false,
      tags: { Name: networkName(cluster) },
    });
    const accepted = new VpcPeeringConnectionAccepter(this, 'accepted', {
      ...accepter.provider,
      vpcPeeringConnectionId: connection.id,
      autoAccept: true,
      tags: { Name: networkName(cluster) },
    });
    new VpcPeeringConnectionOptions(this, 'requester-dns', {
      vpcPeeringConnectionId: connection.id,
      requester: { allowRemoteVpcDnsResolution: true },
      dependsOn: [accepted],
    });
    new VpcPeeringConnectionOptions(this, 'accepter-dns', {
      ...accepter.provider,
      vpcPeeringConnectionId: connection.id,
      accepter: { allowRemoteVpcDnsResolution: true },
      dependsOn: [accepted],
    });
    this.addRoutes(cluster, requester, accepter, accepted);
    this.addRoutes(cluster, accepter, requester, accepted);
  }

  private findNetwork(cluster: Cluster, region: Region, provider: NetworkEnd['provider']): NetworkEnd {
    const vpc = new DataAwsVpc(this, `${region.kind}-network`, {
      ...provider,
      filter: [
        { name: 'tag:Name', values: [networkName(cluster)] },
        { name: 'cidr', values: [region.cidr] },
      ],
    });
    return { region, provider, vpcId: vpc.id };
  }

  /** Both sides' machines talk across: the databases' subnets are private, the monitoring machine's is public. */
  private addRoutes(cluster: Cluster, from: NetworkEnd, to: NetworkEnd, accepted: VpcPeeringConnectionAccepter): void {
    for (const side of ['public', 'private'] as const satisfies readonly Side[]) {
      const table = new DataAwsRouteTable(this, `${from.region.kind}-${side}-routes`, {
        ...from.provider,
        vpcId: from.vpcId,
        filter: [{ name: 'tag:Name', values: [routeTableName(cluster, side)] }],
      });
      new Route(this, `${from.region.kind}-${side}-to-${to.region.kind}`, {
        ...from.provider,
        routeTableId: table.id,
        destinationCidrBlock: to.region.cidr,
        vpcPeeringConnectionId: accepted.id,
      });
    }
  }
}
