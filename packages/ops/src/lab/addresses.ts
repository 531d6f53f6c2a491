import type { Cluster, Region } from '@pgha/infra/cluster';
import { regionsOf } from '@pgha/infra/cluster';
import { prefix } from './places.ts';

/** The lab's own range: the way to this machine, and AWS's endpoints. A cluster's ranges must not overlap it. */
export const labCidr = '10.41.0.0/16';

/** The AWS stand-in: one address an endpoint, so that a fault can take one of them away. */
export const awsAddresses = {
  machine: '10.41.1.10',
  ssm: { primary: '10.41.1.21', dr: '10.41.1.22' },
  s3: { primary: '10.41.1.31', dr: '10.41.1.32' },
  sns: { primary: '10.41.1.41', dr: '10.41.1.42' },
  /** The instance metadata service's address on every EC2 machine. */
  metadata: '169.254.169.254',
} as const;

/** Names of namespaces and interfaces; an interface's name has at most 15 characters. */
export const networkNames = {
  /** Stands for the internet between regions, AWS's endpoints and this machine; it never carries one region to the other. */
  hub: `${prefix}-hub`,
  region: (kind: Region['kind']) => `${prefix}-${kind}`,
  loadBalancer: (kind: Region['kind']) => `${prefix}-nlb-${kind}`,
  bridge: 'br0',
  /** The peering between the regions, the same name at both ends. */
  peering: 'peering',
  uplink: 'uplink',
} as const;

/** Where this machine meets the lab. */
export const hostLink = { interface: prefix, host: '10.41.0.1', hub: '10.41.0.2', prefixLength: 30 } as const;

/** The small networks between hub and region. */
export const uplinkOf = (kind: Region['kind']) =>
  kind === 'primary' ? { hub: '10.41.0.5', region: '10.41.0.6' } : { hub: '10.41.0.9', region: '10.41.0.10' };

/** The peering's ends. */
export const peeringEnds = { primary: '10.41.0.13', dr: '10.41.0.14' } as const;

/** The AWS side's network in the hub. */
export const awsNetwork = { gateway: '10.41.1.1', cidr: '10.41.1.0/24', prefixLength: 24 } as const;

/** The first address of a range, which AWS gives to the router of every network. */
export function gatewayOf(cidr: string): string {
  const { first } = parseCidr(cidr);
  return formatAddress(first + 1);
}

export function prefixLengthOf(cidr: string): number {
  return parseCidr(cidr).length;
}

/**
 * A hardware address that follows from the IPv4 address. Neighbours know it without asking, so packets to a machine that
 * was interrupted vanish as in a VPC; ARP would say "no route to host" after three seconds and make every failover look faster.
 */
export function hardwareAddressOf(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '70', ...bytes].join(':');
}

/** Who answers for which address of a region: the machines, and the load balancer with one interface for all of its own. */
export function neighboursOf(region: Region): readonly { address: string; hardwareAddress: string }[] {
  const [first, ...others] = region.loadBalancer.addresses;
  return [
    ...[...region.nodes.map(({ address }) => address), ...(first === undefined ? [] : [first])].map((address) => ({
      address,
      hardwareAddress: hardwareAddressOf(address),
    })),
    ...others.map((address) => ({ address, hardwareAddress: hardwareAddressOf(first ?? address) })),
  ];
}

/** The first of the cluster's ranges that the lab cannot use, or null. */
export function conflictingCidr(cluster: Cluster): string | null {
  return regionsOf(cluster).find(({ cidr }) => overlap(cidr, labCidr))?.cidr ?? null;
}

function overlap(a: string, b: string): boolean {
  const [first, second] = [parseCidr(a), parseCidr(b)];
  return first.first <= second.last && second.first <= first.last;
}

function parseCidr(cidr: string): { first: number; last: number; length: number } {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (match === null) throw new Error(`"${cidr}" is not an IPv4 range like 10.42.0.0/16`);
  const [a, b, c, d, length] = match.slice(1).map(Number) as [number, number, number, number, number];
  const size = 2 ** (32 - length);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, length };
}

const formatAddress = (value: number) => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
