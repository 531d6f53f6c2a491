/** What AWS asks for one region's resources, in US dollars, without taxes, discounts, credits and free tiers. */
export interface PriceList {
  /** Instance type -> an hour of Linux, on demand. */
  instanceHour: Readonly<Record<string, number>>;
  /** A GiB of gp3 for a month, at the 3 000 operations and 125 MiB a second that every volume has. */
  volumeGibMonth: number;
  publicAddressHour: number;
  loadBalancerHour: number;
  /** One load balancer capacity unit for an hour: a GB of TCP is one. */
  capacityUnitHour: number;
  natGatewayHour: number;
  natGatewayGib: number;
  storageGibMonth: number;
  storageThousandPuts: number;
  keyMonth: number;
  zoneMonth: number;
  alarmMonth: number;
  /** Between availability zones, both directions together. */
  crossZoneGib: number;
  /** Out of the region to another one. */
  interRegionGib: number;
  internetGib: number;
  logGib: number;
  /** A vCPU for an hour above a T3's baseline, where it is allowed to go there. */
  cpuCreditHour: number;
}

/** When the prices were taken from AWS's public price pages; `pgha cost` shows it. Prices change seldom, and without notice. */
export const pricesAsOf = '2025-12';

const usEastOhioAndOregon: PriceList = {
  instanceHour: {
    't3.micro': 0.0104,
    't3.small': 0.0208,
    't3.medium': 0.0416,
    't3.large': 0.0832,
    't3.xlarge': 0.1664,
    't3.2xlarge': 0.3328,
    'm7i.large': 0.1008,
    'm7i.xlarge': 0.2016,
    'm7i.2xlarge': 0.4032,
    'm7i.4xlarge': 0.8064,
    'r7i.large': 0.1323,
    'r7i.xlarge': 0.2646,
    'r7i.2xlarge': 0.5292,
    'r7i.4xlarge': 1.0584,
  },
  volumeGibMonth: 0.08,
  publicAddressHour: 0.005,
  loadBalancerHour: 0.0225,
  capacityUnitHour: 0.006,
  natGatewayHour: 0.045,
  natGatewayGib: 0.045,
  storageGibMonth: 0.023,
  storageThousandPuts: 0.005,
  keyMonth: 1,
  zoneMonth: 0.5,
  alarmMonth: 0.1,
  crossZoneGib: 0.02,
  interRegionGib: 0.02,
  internetGib: 0.09,
  logGib: 0.5,
  cpuCreditHour: 0.05,
};

/** The regions whose prices are known: three of the cheapest, with the same prices. */
const priceLists: Readonly<Record<string, PriceList>> = {
  'us-east-1': usEastOhioAndOregon,
  'us-east-2': usEastOhioAndOregon,
  'us-west-2': usEastOhioAndOregon,
};

/** Their names. */
export const pricedRegions = Object.keys(priceLists);

/** A region's prices, or null when they are not known. */
export function pricesOf(awsRegion: string): PriceList | null {
  return priceLists[awsRegion] ?? null;
}
