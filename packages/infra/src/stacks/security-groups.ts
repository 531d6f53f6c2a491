import { type Cluster, type Region, securityGroupName } from '../cluster/index.ts';
import { type Connection, type End, type Group, rolesOf } from './connections.ts';
import type { Network } from './network.ts';
import { Construct, SecurityGroup, VpcSecurityGroupEgressRule, VpcSecurityGroupIngressRule } from './terraform.ts';

/** A security group for each kind of machine and for the load balancer; a rule for each permitted connection, no other. */
export class SecurityGroups extends Construct {
  private readonly groups: ReadonlyMap<Group, SecurityGroup>;

  constructor(
    scope: Construct,
    id: string,
    cluster: Cluster,
    region: Region,
    network: Network,
    connections: readonly Connection[],
  ) {
    super(scope, id);
    const names: readonly Group[] = [...rolesOf(region), 'load-balancer'];
    this.groups = new Map(
      names.map((group) => [
        group,
        new SecurityGroup(this, group, {
          name: securityGroupName(cluster, group),
          // a description cannot be changed without replacing the group, and with it everything that uses it
          description: `${group} of ${cluster.project} ${cluster.environment}`,
          vpcId: network.vpcId,
          tags: { Name: securityGroupName(cluster, group) },
        }),
      ]),
    );
    for (const connection of connections) this.permit(connection);
  }

  idOf(group: Group): string {
    const found = this.groups.get(group);
    if (found === undefined) throw new Error(`no security group for ${group}: its region has no such node`);
    return found.id;
  }

  private permit({ from, to, port, reason }: Connection): void {
    const rule = { ipProtocol: 'tcp', fromPort: port, toPort: port, description: ruleDescription(reason) };
    if ('group' in to) {
      new VpcSecurityGroupIngressRule(this, `${to.group}-${port}-from-${nameOf(from)}`, {
        securityGroupId: this.idOf(to.group),
        ...this.otherEnd(from),
        ...rule,
      });
    }
    if ('group' in from) {
      new VpcSecurityGroupEgressRule(this, `${from.group}-to-${nameOf(to)}-${port}`, {
        securityGroupId: this.idOf(from.group),
        ...this.otherEnd(to),
        ...rule,
      });
    }
  }

  private otherEnd(end: End): { referencedSecurityGroupId: string } | { cidrIpv4: string } {
    return 'group' in end ? { referencedSecurityGroupId: this.idOf(end.group) } : { cidrIpv4: end.cidr };
  }
}

/** EC2 takes no other characters in a rule's description, and not more than 255 of them. */
function ruleDescription(reason: string): string {
  return reason.replace(/[^a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]/g, '').slice(0, 255);
}

/** Addresses as a part of a resource's name: letters, digits, hyphens. */
const nameOf = (end: End) => ('group' in end ? end.group : end.cidr.replace(/[./]/g, '-'));
