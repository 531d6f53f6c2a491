import {
  type Cluster,
  loadBalancerListeners,
  loadBalancerName,
  membersOf,
  ports,
  type Region,
  targetGroupName,
} from '../cluster/index.ts';
import type { Network } from './network.ts';
import { Construct, Lb, LbListener, LbTargetGroup, LbTargetGroupAttachment } from './terraform.ts';

/**
 * The internal network load balancer. It finds a machine that lives; which one is the primary is found by the router on
 * that machine, within a second instead of ten.
 */
export class LoadBalancer extends Construct {
  readonly dnsName: string;
  readonly zoneId: string;

  /**
   * @param deletionProtection a Terraform expression: `destroy` turns it off.
   */
  constructor(
    scope: Construct,
    id: string,
    cluster: Cluster,
    region: Region,
    placement: { network: Network; securityGroupId: string; deletionProtection: string },
  ) {
    super(scope, id);
    const { network, securityGroupId, deletionProtection } = placement;
    const balancer = new Lb(this, 'nlb', {
      name: loadBalancerName(cluster),
      loadBalancerType: 'network',
      internal: true,
      // groups can be given at creation only (NLB user guide, "Update the security groups")
      securityGroups: [securityGroupId],
      // fixed addresses: the other region's zone, and clients with a list of addresses, name them
      subnetMapping: region.subnets.map(({ zoneIndex }, index) => ({
        subnetId: network.subnetIn('private', zoneIndex).id,
        privateIpv4Address: region.loadBalancer.addresses[index] ?? '',
      })),
      // two machines do not stand in every zone
      enableCrossZoneLoadBalancing: true,
      tags: { Name: loadBalancerName(cluster) },
    });
    balancer.addOverride('enable_deletion_protection', deletionProtection);
    this.dnsName = balancer.dnsName;
    this.zoneId = balancer.zoneId;
    for (const { port, targetPort } of loadBalancerListeners)
      this.addListener(cluster, region, { balancer, vpcId: network.vpcId, port, targetPort });
  }

  private addListener(
    cluster: Cluster,
    region: Region,
    { balancer, vpcId, port, targetPort }: { balancer: Lb; vpcId: string; port: number; targetPort: number },
  ): void {
    const group = new LbTargetGroup(this, `targets-${port}`, {
      name: targetGroupName(cluster, port),
      vpcId,
      protocol: 'TCP',
      port: targetPort,
      // by address: a machine that dials its own load balancer would be refused as an instance target
      targetType: 'ip',
      preserveClientIp: 'false',
      // the fastest there is; a machine is out after two failures, 10 s
      healthCheck: {
        protocol: 'HTTP',
        port: `${ports.nodeCheck}`,
        path: '/',
        matcher: '200',
        interval: 5,
        timeout: 2,
        healthyThreshold: 2,
        unhealthyThreshold: 2,
      },
      // a machine that is taken out on purpose has been emptied before
      deregistrationDelay: '30',
      connectionTermination: true,
    });
    // every machine, always: a registration takes more than a minute, a health check ten seconds
    for (const node of membersOf(region)) {
      new LbTargetGroupAttachment(this, `target-${port}-${node.name}`, {
        targetGroupArn: group.arn,
        targetId: node.address,
        port: targetPort,
      });
    }
    new LbListener(this, `listener-${port}`, {
      loadBalancerArn: balancer.arn,
      port,
      protocol: 'TCP',
      // AWS's default, said: clients keep their connections alive more often than that
      tcpIdleTimeoutSeconds: 350,
      defaultAction: [{ type: 'forward', targetGroupArn: group.arn }],
    });
  }
}
