import { resourcesOf, type Stacks } from '../synthesized.ts';
import { change, each, type Rule } from './rule.ts';

const apiPorts = [8000, 8001];

/** Public rules about who can reach whom. */
export const networkRules: readonly Rule[] = [
  {
    id: 'CKV_AWS_130, EC2.15: a subnet assigns no public addresses by default',
    violations: each('aws_subnet', (given) => given['map_public_ip_on_launch'] === false),
    damage: change('aws_subnet', (given) => {
      given['map_public_ip_on_launch'] = true;
    }),
  },
  {
    id: 'CKV_AWS_24, CKV_AWS_25, CKV_AWS_260, EC2.18, EC2.19: nothing but the two APIs may be open to everybody',
    violations: each(
      'aws_vpc_security_group_ingress_rule',
      (given) =>
        !/^(0\.0\.0\.0|::)\/0$/.test(given['cidr_ipv4'] ?? given['cidr_ipv6'] ?? '') ||
        (given['from_port'] === given['to_port'] && apiPorts.includes(given['from_port'])),
    ),
    damage: change('aws_vpc_security_group_ingress_rule', (given) => {
      given['cidr_ipv4'] = '0.0.0.0/0';
    }),
  },
  {
    id: 'CKV_AWS_277: a rule names one port, never all of them',
    violations: (stacks) =>
      ['aws_vpc_security_group_ingress_rule', 'aws_vpc_security_group_egress_rule'].flatMap((type) =>
        each(type, (given) => given['ip_protocol'] === 'tcp' && given['from_port'] === given['to_port'])(stacks),
      ),
    damage: change('aws_vpc_security_group_egress_rule', (given) => {
      given['ip_protocol'] = '-1';
    }),
  },
  {
    id: 'CKV_AWS_382: nothing leaves to everywhere but on the web ports',
    violations: each(
      'aws_vpc_security_group_egress_rule',
      (given) => given['cidr_ipv4'] !== '0.0.0.0/0' || [80, 443].includes(given['from_port']),
    ),
    damage: change('aws_vpc_security_group_egress_rule', (given) => {
      Object.assign(given, { cidr_ipv4: '0.0.0.0/0', from_port: 25, to_port: 25 });
    }),
  },
  {
    id: 'CKV_AWS_23: every group and every rule says why',
    violations: (stacks) =>
      ['aws_security_group', 'aws_vpc_security_group_ingress_rule', 'aws_vpc_security_group_egress_rule'].flatMap(
        (type) =>
          each(type, (given) => /^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(given['description'] ?? ''))(
            stacks,
          ),
      ),
    damage: change('aws_vpc_security_group_ingress_rule', (given) => {
      given['description'] = "the router's";
    }),
  },
  {
    id: 'CKV2_AWS_12, EC2.2: the default security group permits nothing',
    violations: (stacks) =>
      resourcesOf(stacks, 'aws_vpc').flatMap(({ stack, name }) =>
        resourcesOf(stacks, 'aws_default_security_group').some(
          ({ stack: other, arguments: given }) =>
            other === stack &&
            given['vpc_id'] === `\${aws_vpc.${name}.id}` &&
            given['ingress'].length === 0 &&
            given['egress'].length === 0,
        )
          ? []
          : [`${stack}: the default group of aws_vpc.${name}`],
      ),
    damage: change('aws_default_security_group', (given) => {
      given['ingress'] = [{ protocol: '-1', self: true, from_port: 0, to_port: 0 }];
    }),
  },
  {
    id: 'CKV_AWS_150, ELB.6: a load balancer cannot be deleted by accident',
    // the variable's default; `pgha destroy` is what turns it off
    violations: each('aws_lb', (given) => given['enable_deletion_protection'] === `\${var.deletion_protection}`),
    damage: change('aws_lb', (given) => {
      given['enable_deletion_protection'] = false;
    }),
  },
  {
    id: 'CKV_AWS_152, ELB.9: a load balancer reaches all zones',
    violations: each('aws_lb', (given) => given['enable_cross_zone_load_balancing'] === true),
    damage: change('aws_lb', (given) => delete given['enable_cross_zone_load_balancing']),
  },
  {
    id: 'ELB.5 and CKV2_AWS_28 of public balancers: ours is internal',
    violations: each('aws_lb', (given) => given['internal'] === true),
    damage: change('aws_lb', (given) => {
      given['internal'] = false;
    }),
  },
  {
    id: 'CKV2_AWS_44: a route over the peering leads to the other network alone',
    violations: each(
      'aws_route',
      (given) =>
        given['vpc_peering_connection_id'] === undefined || /\/(1[6-9]|20)$/.test(given['destination_cidr_block']),
    ),
    damage: change('aws_route', (given) => {
      Object.assign(given, { vpc_peering_connection_id: 'pcx-1', destination_cidr_block: '0.0.0.0/0' });
    }),
  },
];

/** EC2.6 and CKV2_AWS_11, for clusters that want the logs. */
export function networksWithoutLogs(stacks: Stacks): string[] {
  return resourcesOf(stacks, 'aws_vpc').flatMap(({ stack, name }) =>
    resourcesOf(stacks, 'aws_flow_log').some(
      ({ stack: other, arguments: given }) =>
        other === stack && given['vpc_id'] === `\${aws_vpc.${name}.id}` && given['traffic_type'] === 'ALL',
    )
      ? []
      : [`${stack}: aws_vpc.${name}`],
  );
}
