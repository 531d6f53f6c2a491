import {
  DescribeAddressesCommand,
  DescribeAvailabilityZonesCommand,
  EC2Client,
  type Instance,
  paginateDescribeInstances,
  paginateDescribeInstanceTypeOfferings,
  type Tag,
} from '@aws-sdk/client-ec2';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Region } from '@pgha/infra/cluster';
import { quotas, type RegionAccount } from './account-limits.ts';
import { type AwsLogin, clientSettings } from './aws-access.ts';

/**
 * Asks the services what an account has in a region. An answer that is refused, or does not come, is null: a role without
 * these calls deploys as before.
 */
export async function readRegionAccount(login: AwsLogin, region: Region): Promise<RegionAccount> {
  const settings = { ...clientSettings(login, region.awsRegion), maxAttempts: 3 };
  const ec2 = new EC2Client(settings);
  const service = new ServiceQuotasClient(settings);
  const quota = async ({ service: ServiceCode, code: QuotaCode }: (typeof quotas)[keyof typeof quotas]) =>
    (await service.send(new GetServiceQuotaCommand({ ServiceCode, QuotaCode }))).Quota?.Value ?? null;
  try {
    const [zones, offers, instances, vcpuQuota, addresses, addressQuota] = await Promise.all([
      orNull(readZones(ec2)),
      orNull(readOffers(ec2, region)),
      orNull(readInstances(ec2)),
      orNull(quota(quotas.vcpus)),
      orNull(readAddresses(ec2)),
      orNull(quota(quotas.addresses)),
    ]);
    return { zones, offers, instances, vcpuQuota, addresses, addressQuota };
  } finally {
    ec2.destroy();
    service.destroy();
  }
}

const orNull = <T>(answer: Promise<T>) => answer.catch(() => null);

async function readZones(ec2: EC2Client): Promise<RegionAccount['zones']> {
  const { AvailabilityZones: zones = [] } = await ec2.send(new DescribeAvailabilityZonesCommand({}));
  return zones.map(({ ZoneName: name = '', ZoneId: id = '', State: state, OptInStatus: optIn }) => ({
    name,
    id,
    isUsable: state !== 'unavailable' && optIn !== 'not-opted-in',
  }));
}

async function readOffers(ec2: EC2Client, { nodes }: Region): Promise<RegionAccount['offers']> {
  const types = [...new Set(nodes.map(({ instanceType }) => instanceType))];
  const offers: { zone: string; instanceType: string }[] = [];
  const filter = [{ Name: 'instance-type', Values: types }];
  const pages = paginateDescribeInstanceTypeOfferings(
    { client: ec2 },
    { LocationType: 'availability-zone', Filters: filter },
  );
  for await (const { InstanceTypeOfferings: page = [] } of pages) {
    for (const { Location: zone = '', InstanceType: instanceType = '' } of page) offers.push({ zone, instanceType });
  }
  return offers;
}

/** What counts against the quota: on demand, of the standard families, running or about to. */
async function readInstances(ec2: EC2Client): Promise<RegionAccount['instances']> {
  const found: { name: string; vcpus: number }[] = [];
  const filter = [{ Name: 'instance-state-name', Values: ['pending', 'running'] }];
  for await (const { Reservations: page = [] } of paginateDescribeInstances({ client: ec2 }, { Filters: filter })) {
    for (const instance of page.flatMap(({ Instances: instances = [] }) => instances)) {
      if (!countsAsStandard(instance)) continue;
      const { CoreCount: cores = 1, ThreadsPerCore: threads = 2 } = instance.CpuOptions ?? {};
      found.push({ name: nameOf(instance.Tags), vcpus: cores * threads });
    }
  }
  return found;
}

const countsAsStandard = ({ InstanceType: type, InstanceLifecycle: lifecycle }: Instance) =>
  lifecycle === undefined && /^[acdhimrtz]\d/.test(type ?? '');

async function readAddresses(ec2: EC2Client): Promise<RegionAccount['addresses']> {
  const { Addresses: addresses = [] } = await ec2.send(new DescribeAddressesCommand({}));
  return addresses.map(({ Tags: tags }) => nameOf(tags));
}

const nameOf = (tags: readonly Tag[] = []) => tags.find(({ Key: key }) => key === 'Name')?.Value ?? '';
