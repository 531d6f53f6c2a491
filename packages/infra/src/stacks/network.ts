import { availabilityZone, type Cluster, isPublic, type Node, networkName, type Region } from '../cluster/index.ts';
import {
  Construct,
  DefaultSecurityGroup,
  InternetGateway,
  Route,
  RouteTable,
  RouteTableAssociation,
  Subnet,
  Vpc,
  VpcEndpoint,
} from './terraform.ts';

/** A subnet that people can reach, or one that nobody outside can. */
export type Side = 'public' | 'private';

/** `Name` tag of a region's route tables: the stack of both regions finds them by it. */
export function routeTableName(cluster: Cluster, side: Side): string {
  return `${networkName(cluster)}-${side}`;
}

/** The network of one region: three zones, a public and a private subnet in each. */
export class Network extends Construct {
  readonly vpcId: string;
  readonly vpcArn: string;
  readonly internetGateway: InternetGateway;
  readonly routeTables: Record<Side, RouteTable>;
  private readonly region: Region;
  private readonly subnets: Record<Side, readonly Subnet[]>;

  constructor(scope: Construct, id: string, cluster: Cluster, region: Region, account: string) {
    super(scope, id);
    this.region = region;
    const vpc = new Vpc(this, 'vpc', {
      cidrBlock: region.cidr,
      // both are what a private zone needs to be answered
      enableDnsSupport: true,
      enableDnsHostnames: true,
      tags: { Name: networkName(cluster) },
    });
    this.vpcId = vpc.id;
    this.vpcArn = vpc.arn;
    // what is not given a group of its own can talk to nobody
    const closed = new DefaultSecurityGroup(this, 'default-group', { vpcId: vpc.id });
    // said, because rules that are left out would be nobody's business; cdktf drops empty lists
    for (const direction of ['ingress', 'egress']) closed.addOverride(direction, []);
    this.internetGateway = new InternetGateway(this, 'gateway', {
      vpcId: vpc.id,
      tags: { Name: networkName(cluster) },
    });

    this.routeTables = { public: this.addTable(cluster, 'public'), private: this.addTable(cluster, 'private') };
    this.subnets = { public: this.addSubnets(cluster, 'public'), private: this.addSubnets(cluster, 'private') };
    new Route(this, 'public-way-out', {
      routeTableId: this.routeTables.public.id,
      destinationCidrBlock: '0.0.0.0/0',
      gatewayId: this.internetGateway.id,
    });
    this.addStorageEndpoint(cluster, account);
  }

  /** The subnet a machine stands in. */
  subnetOf(node: Node): Subnet {
    return this.subnetIn(isPublic(node.role) ? 'public' : 'private', node.zoneIndex);
  }

  subnetIn(side: Side, zoneIndex: number): Subnet {
    const subnet = this.subnets[side][zoneIndex];
    if (subnet === undefined) throw new Error(`${this.region.awsRegion} has no ${side} subnet ${zoneIndex}`);
    return subnet;
  }

  private addTable(cluster: Cluster, side: Side): RouteTable {
    return new RouteTable(this, `${side}-routes`, {
      vpcId: this.vpcId,
      tags: { Name: routeTableName(cluster, side) },
    });
  }

  private addSubnets(cluster: Cluster, side: Side): readonly Subnet[] {
    return this.region.subnets.map(({ zoneIndex, publicCidr, privateCidr }) => {
      const availabilityZoneName = availabilityZone(this.region, zoneIndex);
      const letter = availabilityZoneName.slice(-1);
      const subnet = new Subnet(this, `${side}-${letter}`, {
        vpcId: this.vpcId,
        cidrBlock: side === 'public' ? publicCidr : privateCidr,
        availabilityZone: availabilityZoneName,
        // a machine has a public address because it was given one, never because of where it was put
        mapPublicIpOnLaunch: false,
        tags: { Name: `${networkName(cluster)}-${side}-${letter}` },
      });
      new RouteTableAssociation(this, `${side}-${letter}-routes`, {
        subnetId: subnet.id,
        routeTableId: this.routeTables[side].id,
      });
      return subnet;
    });
  }

  /** Backups and artifacts of this region go to S3 directly: they cost nothing, and need neither bastion nor gateway. */
  private addStorageEndpoint(cluster: Cluster, account: string): void {
    const { awsRegion } = this.region;
    new VpcEndpoint(this, 's3', {
      vpcId: this.vpcId,
      vpcEndpointType: 'Gateway',
      serviceName: `com.amazonaws.${awsRegion}.s3`,
      routeTableIds: [this.routeTables.public.id, this.routeTables.private.id],
      policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'OwnBuckets',
            Effect: 'Allow',
            Principal: '*',
            Action: 's3:*',
            Resource: '*',
            Condition: { StringEquals: { 'aws:ResourceAccount': account } },
          },
          {
            Sid: 'SystemsManagerAgent',
            Effect: 'Allow',
            Principal: '*',
            Action: 's3:GetObject',
            Resource: `arn:aws:s3:::amazon-ssm-${awsRegion}/*`,
          },
        ],
      }),
      tags: { Name: `${networkName(cluster)}-s3` },
    });
  }
}
