import { boundaryArn, nodesOf, type Region } from '../cluster/index.ts';
import { awsSite } from '../machines/index.ts';
import { Alerts } from './alerts.ts';
import { accountOf, ClusterStack, type Deployment, type StackName } from './cluster-stack.ts';
import { connectionsOf } from './connections.ts';
import { Egress } from './egress.ts';
import { FlowLogs } from './flow-logs.ts';
import { LoadBalancer } from './load-balancer.ts';
import { debianImage } from './machine-image.ts';
import { Machines } from './machines.ts';
import { Network } from './network.ts';
import { PrivateZone } from './private-zone.ts';
import { SecurityGroups } from './security-groups.ts';
import {
  type Construct,
  DataAwsCallerIdentity,
  DataAwsIamPolicy,
  TerraformOutput,
  TerraformVariable,
} from './terraform.ts';

/**
 * Everything of a region that can be made again from the configuration and the data stack. Both regions are the same stack:
 * the second one needs nothing of the first to run alone.
 */
export class RegionStack extends ClusterStack {
  constructor(scope: Construct, name: StackName, deployment: Deployment, region: Region) {
    super(scope, name, deployment, region);
    const { cluster } = deployment;
    const account = new DataAwsCallerIdentity(this, 'account').accountId;
    const siteOf = (each: Region) => awsSite(cluster, each, accountOf(deployment));

    const boundary = cluster.permissionsBoundary ? this.findBoundary(boundaryArn(cluster, account)) : null;
    const network = new Network(this, 'network', cluster, region, account);
    const groups = new SecurityGroups(this, 'groups', cluster, region, network, connectionsOf(cluster, region, siteOf));
    const machines = new Machines(this, 'machines', cluster, region, {
      network,
      groups,
      site: siteOf(region),
      image: debianImage(this),
      account,
      boundary,
    });
    const [bastion] = nodesOf(region, 'bastion');
    if (bastion === undefined) throw new Error(`${region.awsRegion} has no bastion; its nodes would have no egress`);
    new Egress(this, 'egress', cluster, region, network, machines.instanceOf(bastion));
    const loadBalancer = new LoadBalancer(this, 'load-balancer', cluster, region, {
      network,
      securityGroupId: groups.idOf('load-balancer'),
      deletionProtection: this.addDeletionProtection(),
    });
    new PrivateZone(this, 'zone', cluster, region, { network, loadBalancer });
    new Alerts(this, 'alerts', cluster, region, machines, account);
    if (cluster.flowLogs) new FlowLogs(this, 'flow-logs', cluster, region, { network, account, boundary });
    this.addOutputs(region, loadBalancer, machines);
  }

  /** Looked up, so that a plan says that it is missing before a role is made or changed. */
  private findBoundary(arn: string): string {
    return new DataAwsIamPolicy(this, 'boundary', { arn }).arn;
  }

  private addDeletionProtection(): string {
    const variable = new TerraformVariable(this, 'deletion_protection', {
      type: 'bool',
      default: true,
      description: 'Whether AWS refuses to delete the load balancer; "pgha destroy" turns it off first.',
    });
    return `\${${variable.fqn}}`;
  }

  /** What people and `pgha` want to know of a region that runs. */
  private addOutputs(region: Region, loadBalancer: LoadBalancer, machines: Machines): void {
    const output = (name: string, value: unknown) => new TerraformOutput(this, name, { value, staticId: true });
    output('load_balancer_dns_name', loadBalancer.dnsName);
    output('instances', Object.fromEntries(region.nodes.map((node) => [node.name, machines.instanceOf(node).id])));
    output('data_volumes', machines.dataVolumes);
    output(
      'public_addresses',
      Object.fromEntries(
        region.nodes.flatMap((node) => {
          const address = machines.publicAddressOf(node);
          return address === null ? [] : [[node.name, address]];
        }),
      ),
    );
  }
}
