import {
  type Cluster,
  instanceTypeNamed,
  isPublic,
  membersOf,
  type Node,
  nodesOf,
  peerOf,
  type Region,
  regionsOf,
} from '../cluster/index.ts';
import { archiveTimeoutSeconds, walSegmentMib } from '../machines/config/postgresql.ts';
import { type PriceList, pricedRegions, pricesOf } from './price-list.ts';

/** What a configuration does not say: how much is stored, and how much of it is transferred. */
export interface Usage {
  databaseGib: number;
  walGibPerDay: number;
  /** Between clients and the database, through the load balancer, a month. */
  clientGib: number;
  /** Answers of the APIs to the Internet, a month. */
  internetGib: number;
  /** Flow logs a month, where they are on. */
  logGib: number;
}

/** A small service: what the table in the documents is computed with. */
export const modestUsage: Usage = { databaseGib: 5, walGibPerDay: 1, clientGib: 20, internetGib: 10, logGib: 2 };

/** What a line of the bill is about. */
export type CostPart = 'machines' | 'load balancer' | 'volumes' | 'addresses' | 'services' | 'backups' | 'traffic';

/** One line of a month's bill. */
export interface CostItem {
  region: Region['kind'];
  part: CostPart;
  /** `fixed`: billed regardless of use. `usage`: grows with what is stored and moved. */
  kind: 'fixed' | 'usage';
  what: string;
  /** How the sum comes about, for whoever wants to check it. */
  basis: string;
  usd: number;
}

/** AWS's own month: 365 days of 24 hours by 12. */
export const hoursPerMonth = 730;
/** One for volumes, buckets, alerts and logs, one for secrets. */
const keysPerRegion = 2;
const daysPerMonth = 365 / 12;
const secondsPerDay = 86_400;

/** The configuration names a region without prices. */
export class UnknownPricesError extends Error {
  override name = 'UnknownPricesError';
  readonly code = 'E_UNKNOWN_PRICES';

  constructor(awsRegion: string) {
    super(
      `no prices for ${awsRegion}; known regions: ${pricedRegions.join(', ')}. Only the estimate needs them: ` +
        'use one of these regions for it, or add the prices to packages/infra/src/reports/price-list.ts',
    );
  }
}

/**
 * A month of the cluster, line by line, at list prices: an upper bound where a free tier or a discount applies. Each line is in whole
 * cents, so that a sum is that of what is shown.
 *
 * @throws UnknownPricesError for a region that is not in the price list.
 */
export function monthlyCost(cluster: Cluster, usage: Usage = modestUsage): readonly CostItem[] {
  return regionsOf(cluster).flatMap((region) => {
    const prices = pricesOf(region.awsRegion);
    if (prices === null) throw new UnknownPricesError(region.awsRegion);
    const bill = { cluster, region, prices, usage };
    return [
      ...machines(bill),
      ...volumes(bill),
      ...networkParts(bill),
      ...small(bill),
      ...storage(bill),
      ...traffic(bill),
    ]
      .map((item) => ({ ...item, usd: Math.round(item.usd * 100) / 100, region: region.kind }))
      .filter(({ usd }) => usd > 0);
  });
}

/** The sum of the lines, in US dollars. */
export function totalOf(items: readonly CostItem[]): number {
  return items.reduce((sum, { usd }) => sum + usd, 0);
}

interface Bill {
  cluster: Cluster;
  region: Region;
  prices: PriceList;
  usage: Usage;
}

type Line = Omit<CostItem, 'region'>;

function machines({ region, prices }: Bill): Line[] {
  return [...new Set(region.nodes.map(({ instanceType }) => instanceType))].map((type) => {
    const names = region.nodes.filter(({ instanceType }) => instanceType === type).map(({ name }) => name);
    // the type was checked when the cluster was defined; here it is the price list that may lack it
    const hour = prices.instanceHour[type];
    if (hour === undefined)
      throw new Error(`${type} (${instanceTypeNamed(type).vcpus} vCPUs) has no price in ${region.awsRegion}`);
    return {
      part: 'machines',
      kind: 'fixed',
      what: `${names.length} nodes, ${type}`,
      basis: `${names.join(', ')}: ${hour} per hour each`,
      usd: names.length * hour * hoursPerMonth,
    };
  });
}

function volumes({ cluster, region, prices }: Bill): Line[] {
  const root = ({ role }: Node) =>
    cluster.volumes.rootGib + (role === 'monitoring' ? cluster.volumes.monitoringGib : 0);
  const rootGib = region.nodes.reduce((sum, node) => sum + root(node), 0);
  const dataGib = membersOf(region).length * cluster.volumes.dataGib;
  return [
    {
      part: 'volumes',
      kind: 'fixed',
      what: `${rootGib + dataGib} GiB of gp3 volumes`,
      basis: `${rootGib} GiB root and monitoring, ${dataGib} GiB data: ${prices.volumeGibMonth} per GiB`,
      usd: (rootGib + dataGib) * prices.volumeGibMonth,
    },
  ];
}

function networkParts({ cluster, region, prices, usage }: Bill): Line[] {
  const addresses =
    region.nodes.filter(({ role }) => isPublic(role)).length + (cluster.egress === 'nat-gateway' ? 1 : 0);
  // clients do not use the DR region's load balancer
  const clientGib = region.kind === 'primary' ? usage.clientGib : 0;
  const why =
    region.kind === 'dr' ? '; always present, because creating one takes minutes that a failover does not have' : '';
  return [
    {
      part: 'load balancer',
      kind: 'fixed',
      what: 'network load balancer',
      basis: `${prices.loadBalancerHour} per hour${why}`,
      usd: prices.loadBalancerHour * hoursPerMonth,
    },
    {
      part: 'load balancer',
      kind: 'usage',
      what: 'load balancer capacity units',
      basis: `${clientGib} GiB, one unit each: ${prices.capacityUnitHour}`,
      usd: clientGib * prices.capacityUnitHour,
    },
    {
      part: 'addresses',
      kind: 'fixed',
      what: `${addresses} public IPv4 address${addresses === 1 ? '' : 'es'}`,
      basis: `${prices.publicAddressHour} per hour each`,
      usd: addresses * prices.publicAddressHour * hoursPerMonth,
    },
    ...(cluster.egress === 'nat-gateway'
      ? [
          {
            part: 'services' as const,
            kind: 'fixed' as const,
            what: 'NAT gateway',
            basis: `${prices.natGatewayHour} per hour; the bastion translates addresses at no extra cost`,
            usd: prices.natGatewayHour * hoursPerMonth,
          },
        ]
      : []),
  ];
}

function small({ cluster, region, prices, usage }: Bill): Line[] {
  return [
    {
      part: 'services',
      kind: 'fixed',
      what: 'KMS keys',
      basis: `${keysPerRegion} at ${prices.keyMonth} per month; ${prices.keyMonth} more for each after the first and after the second yearly rotation`,
      usd: keysPerRegion * prices.keyMonth,
    },
    {
      part: 'services',
      kind: 'fixed',
      what: 'private DNS zone',
      basis: `${prices.zoneMonth} per month`,
      usd: prices.zoneMonth,
    },
    {
      part: 'services',
      kind: 'fixed',
      what: `${region.nodes.length} CloudWatch alarms`,
      basis: `${prices.alarmMonth} each`,
      usd: region.nodes.length * prices.alarmMonth,
    },
    {
      part: 'services',
      kind: 'usage',
      what: 'flow logs',
      basis: `${usage.logGib} GiB: ${prices.logGib} each`,
      usd: cluster.flowLogs ? usage.logGib * prices.logGib : 0,
    },
  ];
}

/** Nothing is counted as compressed: what is stored is less, by how much depends on the data. */
function storage({ cluster, prices, usage }: Bill): Line[] {
  const { retentionDays } = cluster.backups;
  const fulls = Math.ceil(retentionDays / 7) + 1;
  // what expires stays for a week as noncurrent versions
  const weeks = fulls + 1;
  const gib = weeks * (usage.databaseGib + changesPerWeek(usage)) + (retentionDays + 7) * usage.walGibPerDay;
  const segments = segmentsPerDay(usage) * daysPerMonth;
  return [
    {
      part: 'backups',
      kind: 'usage',
      what: 'backups in S3',
      basis: `${weeks} weeks of backups, one of them expired and kept as noncurrent versions: ${usage.databaseGib} GiB full and at most ${changesPerWeek(usage)} GiB of changes each, ${retentionDays + 7} days of WAL; ${prices.storageGibMonth} per GiB`,
      usd: gib * prices.storageGibMonth,
    },
    {
      part: 'backups',
      kind: 'usage',
      what: 'WAL segments written to S3',
      basis: `${Math.round(segments)} per month: ${prices.storageThousandPuts} per thousand`,
      usd: (segments / 1000) * prices.storageThousandPuts,
    },
  ];
}

/**
 * The heartbeat gives every interval of archive_timeout a segment of its own. The archive compresses what is left empty;
 * streaming replication sends a segment whole (PostgreSQL manual, "archive_timeout": closed early, it has its full length).
 */
function segmentsPerDay(usage: Usage): number {
  return Math.max((usage.walGibPerDay * 1024) / walSegmentMib, secondsPerDay / archiveTimeoutSeconds);
}

/**
 * Differential and incremental backups of a week: no more changes than WAL was written, and no more than the database. The six
 * differential ones hold what changed since the full one, the incremental ones of a day what changed on it.
 */
function changesPerWeek({ databaseGib, walGibPerDay }: Usage): number {
  const differentials = [1, 2, 3, 4, 5, 6].map((day) => Math.min(databaseGib, day * walGibPerDay));
  return [...differentials, 7 * Math.min(databaseGib, walGibPerDay)].reduce((sum, gib) => sum + gib, 0);
}

/** What leaves is billed where it leaves: all of it in the region that acts. */
function traffic({ cluster, region, prices, usage }: Bill): Line[] {
  if (region.kind !== 'primary') return [];
  const archived = usage.walGibPerDay * daysPerMonth;
  const streamed = (segmentsPerDay(usage) * daysPerMonth * walSegmentMib) / 1024;
  const peer = peerOf(cluster, region);
  const fullsPerMonth = daysPerMonth / 7;
  const replicas = membersOf(region).length - 1;
  const crossZone = replicas * streamed + 2 * usage.clientGib;
  const toRepository = peer === null ? 0 : archived + fullsPerMonth * (usage.databaseGib + changesPerWeek(usage));
  const toStandby = peer === null || nodesOf(peer, 'standby').length === 0 ? 0 : streamed;
  const gib = (amount: number) => `${Math.round(amount)} GiB`;
  return [
    {
      part: 'traffic',
      kind: 'usage',
      what: 'traffic between availability zones',
      basis: `${gib(crossZone)}: WAL streamed to ${replicas} replica${replicas === 1 ? '' : 's'} in whole segments, client traffic twice; ${prices.crossZoneGib} per GiB`,
      usd: crossZone * prices.crossZoneGib,
    },
    {
      part: 'traffic',
      kind: 'usage',
      what: 'traffic to the DR region',
      basis: `${gib(toRepository + toStandby)}: WAL streamed to the standby in whole segments, WAL, full, differential and incremental backups to repository 2; ${prices.interRegionGib} per GiB`,
      usd: (toRepository + toStandby) * prices.interRegionGib,
    },
    {
      part: 'traffic',
      kind: 'usage',
      what: 'repository 2 through the NAT gateway',
      basis: `${gib(toRepository)}: ${prices.natGatewayGib} per GiB`,
      usd: cluster.egress === 'nat-gateway' ? toRepository * prices.natGatewayGib : 0,
    },
    {
      part: 'traffic',
      kind: 'usage',
      what: 'repository 2 through the bastion',
      basis: `${gib(toRepository)} at most, from another availability zone: ${prices.crossZoneGib} per GiB`,
      usd: cluster.egress === 'bastion' ? toRepository * prices.crossZoneGib : 0,
    },
    {
      part: 'traffic',
      kind: 'usage',
      what: 'traffic to the Internet',
      basis: `${usage.internetGib} GiB: ${prices.internetGib} each`,
      usd: usage.internetGib * prices.internetGib,
    },
  ];
}
