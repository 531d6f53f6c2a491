import { type Cluster, nodesOf, type Region } from '../../cluster/index.ts';
import { type Group, rolesOf } from '../connections.ts';
import type { Arguments, Stacks, Synthesized } from '../synthesized.ts';

type Direction = 'ingress' | 'egress';

/** The synthesized stack of a region. */
export function stackOf(stacks: Stacks, region: Region): Synthesized {
  const stack = stacks[region.kind];
  if (stack === undefined) throw new Error(`no stack of ${region.awsRegion}`);
  return stack;
}

/** The rules of a group, read back from the synthesized stack. */
export function rulesOf(stack: Synthesized, direction: Direction, group: Group): readonly Arguments[] {
  return Object.values(stack.resource[`aws_vpc_security_group_${direction}_rule`] ?? {}).filter(
    ({ security_group_id: id }) => id === reference(group),
  );
}

/** Whether a group's rules permit a port with the other group of the same region, or with an address. */
export function permits(
  stack: Synthesized,
  direction: Direction,
  group: Group,
  other: { group: Group } | { address: string },
  port: number,
): boolean {
  return rulesOf(stack, direction, group).some(
    (rule) =>
      rule['from_port'] <= port &&
      port <= rule['to_port'] &&
      ('group' in other
        ? rule['referenced_security_group_id'] === reference(other.group)
        : rule['cidr_ipv4'] === `${other.address}/32`),
  );
}

/** The group and region that stand behind an address or a name of the cluster, or null. */
export function bearerOf(
  cluster: Cluster,
  host: string,
): { region: Region; group: Group; addresses: readonly string[] } | null {
  for (const region of [cluster.primary, cluster.dr].filter((each) => each !== null)) {
    const { hostname, addresses } = region.loadBalancer;
    if (host === hostname || addresses.includes(host)) return { region, group: 'load-balancer', addresses };
    for (const group of rolesOf(region)) {
      const node = nodesOf(region, group).find((each) => each.hostname === host || each.address === host);
      if (node !== undefined) return { region, group, addresses: [node.address] };
    }
  }
  return null;
}

const reference = (group: Group) => `\${aws_security_group.groups_${group}.id}`;
