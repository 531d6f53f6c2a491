import { formatAddress, formatCidr, parseCidr, type Range, subrange } from './addresses.ts';
import type { Cluster, Node, Region, Role, Subnets } from './cluster.ts';
import type { CompleteInput, RegionInput } from './input.ts';

const zones = [0, 1, 2] as const;
type ZoneIndex = (typeof zones)[number];

/** Private subnets begin at the ninth /24, so that a /20, the smallest range allowed, still holds them. */
const firstPrivateSubnet = 8;
const subnetPrefix = 24;

/**
 * Where each role's first machine stands in its subnet. AWS keeps the first four addresses and the last; gaps of ten leave
 * room for every count a cluster may have and for the machine that replaces one.
 */
const firstHost: Record<Role | 'loadBalancer' | 'natGateway', number> = {
  loadBalancer: 5,
  natGateway: 6,
  etcd: 11,
  postgres: 21,
  standby: 31,
  api: 41,
  monitoring: 51,
  bastion: 61,
};

/**
 * Lays a region out: subnets, machines with their addresses, the load balancer.
 *
 * @param zone the private DNS zone every hostname ends in.
 */
export function layOutRegion(
  kind: Region['kind'],
  input: Required<RegionInput>,
  cluster: Pick<CompleteInput, 'instanceTypes' | 'monitoring'>,
  zone: string,
): Region {
  const range = parseCidr(input.cidr);
  if (range === null) throw new Error(`malformed range ${input.cidr}; check the configuration before laying it out`);

  const machines = (role: Role, word: string, count: number): Node[] =>
    Array.from({ length: count }, (_, index) => {
      const zoneIndex = (index % zones.length) as ZoneIndex;
      const name = `${input.namePrefix}${word}-${index + 1}`;
      const subnet = subnetOf(range, zoneIndex, isPublic(role));
      return {
        name,
        role,
        hostname: `${name}.${zone}`,
        address: formatAddress(subnet.first + firstHost[role] + index),
        zoneIndex,
        instanceType: cluster.instanceTypes[role],
      };
    });

  return {
    kind,
    awsRegion: input.awsRegion,
    zones: input.zones,
    cidr: input.cidr,
    subnets: zones.map(
      (zoneIndex): Subnets => ({
        zoneIndex,
        publicCidr: formatCidr(subnetOf(range, zoneIndex, true)),
        privateCidr: formatCidr(subnetOf(range, zoneIndex, false)),
      }),
    ),
    nodes: [
      ...machines('etcd', 'etcd', input.etcd),
      ...machines(kind === 'primary' ? 'postgres' : 'standby', 'pg', input.postgres),
      ...machines('api', 'api', input.apiServer ? 1 : 0),
      ...machines('monitoring', 'monitoring', cluster.monitoring && kind === 'primary' ? 1 : 0),
      ...machines('bastion', 'bastion', 1),
    ],
    loadBalancer: {
      hostname: `${input.namePrefix}db.${zone}`,
      addresses: zones.map((zoneIndex) =>
        formatAddress(subnetOf(range, zoneIndex, false).first + firstHost.loadBalancer),
      ),
    },
  };
}

/**
 * A machine that the cluster had when it had more of its kind, or would have with more: names and addresses follow from the
 * machine's number, so one that is leaving is still known.
 *
 * @returns null when no machine of this name could be the cluster's.
 */
export function nodeBeyond(cluster: Cluster, name: string): { node: Node; region: Region } | null {
  const number = Number(/-([1-9])$/.exec(name)?.[1] ?? Number.NaN);
  for (const region of cluster.dr === null ? [cluster.primary] : [cluster.primary, cluster.dr]) {
    const first = region.nodes.find((node) => node.name.replace(/-1$/, '') === name.replace(/-\d$/, ''));
    if (first === undefined || Number.isNaN(number)) continue;
    const zoneIndex = ((number - 1) % zones.length) as ZoneIndex;
    const subnets = region.subnets.find((each) => each.zoneIndex === zoneIndex);
    const range = parseCidr((isPublic(first.role) ? subnets?.publicCidr : subnets?.privateCidr) ?? '');
    if (range === null) continue;
    const address = formatAddress(range.first + firstHost[first.role] + number - 1);
    return { node: { ...first, name, hostname: `${name}.${cluster.zone}`, address, zoneIndex }, region };
  }
  return null;
}

/** Where a NAT gateway stands in the first public subnet: beside the addresses of the machines. */
export function natGatewayAddress({ subnets, awsRegion }: Region): string {
  const range = parseCidr(subnets[0]?.publicCidr ?? '');
  if (range === null) throw new Error(`${awsRegion} has no public subnet`);
  return formatAddress(range.first + firstHost.natGateway);
}

/** As many database machines as a region may have; `rules.ts` refuses more. */
export const mostMembers = 3;

/** The database machines that a region could have and the configuration has not: one of them may have been removed. */
export function membersBeyond(cluster: Cluster, region: Region): readonly Node[] {
  const present = region.nodes.filter(({ role }) => role === 'postgres' || role === 'standby');
  const [first] = present;
  if (first === undefined) return [];
  return Array.from({ length: mostMembers - present.length }, (_, index) => {
    const name = first.name.replace(/-1$/, `-${present.length + 1 + index}`);
    return nodeBeyond(cluster, name)?.node ?? [];
  }).flat();
}

/** Machines people or the Internet reach have public addresses; databases and etcd never do. */
export const isPublic = (role: Role): boolean => role === 'api' || role === 'monitoring' || role === 'bastion';

function subnetOf(range: Range, zoneIndex: ZoneIndex, open: boolean): Range {
  return subrange(range, subnetPrefix, (open ? 0 : firstPrivateSubnet) + zoneIndex);
}
