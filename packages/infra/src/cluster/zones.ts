import type { Region } from './cluster.ts';

/** The letters of a region's three zones. */
export type ZoneLetters = readonly [string, string, string];

/**
 * Regions in which a new account does not get the zones a, b and c. Asking AWS at each plan instead would let a zone that is
 * added, or away for an hour, move the subnets.
 */
const otherZones: Readonly<Record<string, ZoneLetters>> = {
  'ap-northeast-1': ['a', 'c', 'd'],
  'ca-central-1': ['a', 'b', 'd'],
};

/**
 * The zones a region's configuration has without naming any. A letter stands for another place in each account, and that
 * place may not offer an instance type: `zones` of the configuration takes other letters then.
 */
export const usualZones = (awsRegion: string): ZoneLetters => otherZones[awsRegion] ?? ['a', 'b', 'c'];

/** The availability zone a subnet or a machine stands in, for example `us-east-1a`. */
export function availabilityZone(region: Pick<Region, 'awsRegion' | 'zones'>, zoneIndex: 0 | 1 | 2): string {
  return `${region.awsRegion}${region.zones[zoneIndex]}`;
}
