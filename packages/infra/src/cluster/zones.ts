import type { Region } from './cluster.ts';

/**
 * Regions in which a new account does not get the zones a, b and c. Asking AWS at each plan instead would let a zone that is
 * added, or away for an hour, move the subnets.
 */
const otherZones: Readonly<Record<string, readonly [string, string, string]>> = {
  'ap-northeast-1': ['a', 'c', 'd'],
  'ca-central-1': ['a', 'b', 'd'],
};

/** The availability zone a subnet or a machine stands in, for example `us-east-1a`. */
export function availabilityZone(region: Region, zoneIndex: 0 | 1 | 2): string {
  const letters = otherZones[region.awsRegion] ?? ['a', 'b', 'c'];
  return `${region.awsRegion}${letters[zoneIndex]}`;
}
