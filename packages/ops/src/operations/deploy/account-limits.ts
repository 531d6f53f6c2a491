import {
  availabilityZone,
  type Cluster,
  instanceTypeNamed,
  isPublic,
  machineResourceName,
  type Node,
  networkName,
  type Region,
} from '@pgha/infra/cluster';

/** What an account has in one region, as its services say it; null: they did not say. */
export interface RegionAccount {
  zones: readonly { name: string; id: string; isUsable: boolean }[] | null;
  /** Which instance types each zone offers, of those that were asked about. */
  offers: readonly { zone: string; instanceType: string }[] | null;
  /** Instances that count against the quota of vCPUs, by their `Name` tag. */
  instances: readonly { name: string; vcpus: number }[] | null;
  vcpuQuota: number | null;
  /** Elastic IP addresses, by their `Name` tag. */
  addresses: readonly string[] | null;
  addressQuota: number | null;
}

/** Quotas by the codes of Service Quotas. */
export const quotas = {
  vcpus: {
    service: 'ec2',
    code: 'L-1216C47A',
    name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
  },
  addresses: { service: 'ec2', code: 'L-0263D0A3', name: 'EC2-VPC Elastic IPs' },
} as const;

/** What a deploy of a region would meet in the account. */
export interface AccountReview {
  /** What would end it after half of the region was made. */
  obstacles: readonly string[];
  /** What could not be found out. */
  unknown: readonly string[];
}

/** Holds what a region still has to be given against what the account may have; what is there already is not counted twice. */
export function reviewAccount(cluster: Cluster, region: Region, account: RegionAccount): AccountReview {
  const { zones, offers, instances, vcpuQuota, addresses, addressQuota } = account;
  const where = region.awsRegion;
  const running = new Set(instances?.map(({ name }) => name));
  const missing = region.nodes.filter((node) => !running.has(machineResourceName(cluster, node)));
  const unknown = [
    ...(zones === null ? [`the availability zones of ${where}`] : []),
    ...(offers === null ? [`the instance types that the zones of ${where} offer`] : []),
    ...(instances === null || vcpuQuota === null ? [`the vCPU quota of ${where}`] : []),
    ...(addresses === null || addressQuota === null ? [`the Elastic IP quota of ${where}`] : []),
  ];
  return {
    obstacles: [
      ...(zones === null || missing.length === 0 ? [] : reviewZones(region, zones)),
      ...(offers === null ? [] : reviewOffers(region, missing, zones ?? [], offers)),
      ...(instances === null || vcpuQuota === null ? [] : reviewVcpus(region, missing, instances, vcpuQuota)),
      ...(addresses === null || addressQuota === null ? [] : reviewAddresses(cluster, region, addresses, addressQuota)),
    ],
    unknown,
  };
}

/**
 * The same for one node that is added, or replaced: the instance that it has now is let go of first, so that its vCPUs are free and
 * the configuration's instance type in its zone is what has to be had.
 */
export function reviewNode(cluster: Cluster, region: Region, node: Node, account: RegionAccount): AccountReview {
  const name = machineResourceName(cluster, node);
  const instances = account.instances?.filter((instance) => instance.name !== name) ?? null;
  return reviewAccount(cluster, { ...region, nodes: [node] }, { ...account, instances });
}

type Zones = NonNullable<RegionAccount['zones']>;

function reviewZones(region: Region, zones: Zones): readonly string[] {
  const missing = indices.flatMap((index) => {
    const name = availabilityZone(region, index);
    return zones.some((zone) => zone.name === name && zone.isUsable) ? [] : [name];
  });
  if (missing.length === 0) return [];
  const usable = zones.filter(({ isUsable }) => isUsable).map(({ name, id }) => `${name} (${id})`);
  return [
    `availability zone ${missing.join(', ')}: not available to this account; it has ${usable.join(', ') || 'none'}. ` +
      `Set ${region.kind}.zones to the letters of three of them.`,
  ];
}

/** A letter is another zone in each account: the zone's ID tells which one it is. */
function reviewOffers(
  region: Region,
  missing: readonly Node[],
  zones: Zones,
  offers: NonNullable<RegionAccount['offers']>,
): readonly string[] {
  const wanted = [...new Set(missing.map(({ instanceType }) => instanceType))];
  return wanted.flatMap((instanceType) => {
    const nodes = missing.filter((node) => node.instanceType === instanceType);
    const zoneOf = (index: 0 | 1 | 2) => availabilityZone(region, index);
    const offering = new Set(offers.filter((offer) => offer.instanceType === instanceType).map(({ zone }) => zone));
    const without = nodes.filter(({ zoneIndex }) => !offering.has(zoneOf(zoneIndex)));
    if (without.length === 0) return [];
    const described = (name: string) => `${name} (${zones.find((zone) => zone.name === name)?.id ?? 'no such zone'})`;
    const where = [...new Set(without.map(({ zoneIndex }) => zoneOf(zoneIndex)))].map(described).join(', ');
    const names = without.map(({ name }) => name).join(', ');
    return [
      `instance type ${instanceType}: not offered in ${where}, where ${names} would be; offered in ` +
        `${[...offering].sort().map(described).join(', ') || 'no zone of the region'}. ` +
        `Set ${region.kind}.zones to three letters that offer it, or choose another type in instanceTypes.`,
    ];
  });
}

function reviewVcpus(
  region: Region,
  missing: readonly Node[],
  instances: NonNullable<RegionAccount['instances']>,
  quota: number,
): readonly string[] {
  const inUse = instances.reduce((sum, { vcpus }) => sum + vcpus, 0);
  const wanted = missing.reduce((sum, { instanceType }) => sum + instanceTypeNamed(instanceType).vcpus, 0);
  return exceeds(quotas.vcpus, region, { unit: 'vCPUs', inUse, missing: wanted, quota });
}

function reviewAddresses(
  cluster: Cluster,
  region: Region,
  addresses: readonly string[],
  quota: number,
): readonly string[] {
  const wanted = [
    ...region.nodes.filter(({ role }) => isPublic(role)).map((node) => machineResourceName(cluster, node)),
    ...(cluster.egress === 'nat-gateway' ? [`${networkName(cluster)}-nat`] : []),
  ];
  const missing = wanted.filter((name) => !addresses.includes(name)).length;
  return exceeds(quotas.addresses, region, { unit: 'Elastic IP addresses', inUse: addresses.length, missing, quota });
}

function exceeds(
  { service, code, name }: (typeof quotas)[keyof typeof quotas],
  { awsRegion }: Region,
  { unit, inUse, missing, quota }: { unit: string; inUse: number; missing: number; quota: number },
): readonly string[] {
  if (missing === 0 || inUse + missing <= quota) return [];
  return [
    `quota "${name}" in ${awsRegion}: ${quota} ${unit} allowed, ${inUse} in use, ${missing} more needed. ` +
      `Request ${inUse + missing}: https://${awsRegion}.console.aws.amazon.com/servicequotas/home/services/${service}/quotas/${code}`,
  ];
}

const indices = [0, 1, 2] as const;
