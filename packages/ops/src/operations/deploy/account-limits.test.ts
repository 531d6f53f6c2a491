import {
  availabilityZone,
  type Cluster,
  defineCluster,
  machineResourceName,
  nodeNamed,
  type Region,
} from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { type RegionAccount, reviewAccount, reviewNode } from './account-limits.ts';

const cluster = defineCluster();
const zoneIds = ['use1-az4', 'use1-az6', 'use1-az1', 'use1-az2', 'use1-az3', 'use1-az5'];

/** An account that has nothing yet, and may have everything. */
const empty = (region: Region): RegionAccount => ({
  zones: zoneIds.map((id, index) => ({ name: `${region.awsRegion}${'abcdef'[index]}`, id, isUsable: true })),
  offers: ['a', 'b', 'c', 'd'].map((letter) => ({ zone: `${region.awsRegion}${letter}`, instanceType: 't3.micro' })),
  instances: [],
  vcpuQuota: 64,
  addresses: [],
  addressQuota: 5,
});
const obstacles = (changed: Partial<RegionAccount>, of: Cluster = cluster, region = of.primary) =>
  reviewAccount(of, region, { ...empty(region), ...changed }).obstacles;
const running = (of: Cluster, region: Region) =>
  region.nodes.map((node) => ({ name: machineResourceName(of, node), vcpus: 2 }));

describe('an account', () => {
  it('that allows everything is no obstacle', () => {
    expect(reviewAccount(cluster, cluster.primary, empty(cluster.primary))).toEqual({ obstacles: [], unknown: [] });
  });

  it('as AWS opens it gives too few vCPUs, which is said with the numbers and the page that raises them', () => {
    expect(obstacles({ vcpuQuota: 5 })).toEqual([
      'quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" in us-east-1: 5 vCPUs allowed, 0 in use, ' +
        '16 more needed. Request 16: https://us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-1216C47A',
    ]);
    const { dr } = cluster;
    if (dr === null) throw new Error('the example has a second region');
    const second = reviewAccount(cluster, dr, { ...empty(dr), vcpuQuota: 5, offers: null, zones: null });
    expect(second.obstacles).toEqual([expect.stringMatching(/us-west-2: 5 vCPUs allowed, 0 in use, 6 more needed/)]);
  });

  it('is not asked for what is there already, and has what else is in it counted', () => {
    expect(obstacles({ vcpuQuota: 16, instances: running(cluster, cluster.primary) })).toEqual([]);
    expect(obstacles({ vcpuQuota: 5, instances: running(cluster, cluster.primary) })).toEqual([]);
    const [, ...others] = running(cluster, cluster.primary);
    expect(obstacles({ vcpuQuota: 16, instances: [...others, { name: 'ci', vcpus: 4 }] })).toEqual([
      expect.stringMatching(/16 vCPUs allowed, 18 in use, 2 more needed\. Request 20:/),
    ]);
  });

  it('counts vCPUs by type', () => {
    const large = defineCluster({ instanceTypes: { postgres: 'm7i.4xlarge' } });
    const offers = ['a', 'b', 'c'].flatMap((letter) =>
      ['t3.micro', 'm7i.4xlarge'].map((instanceType) => ({ zone: `us-east-1${letter}`, instanceType })),
    );
    expect(obstacles({ vcpuQuota: 43, offers }, large)).toEqual([expect.stringContaining('44 more needed')]);
    expect(obstacles({ vcpuQuota: 44, offers }, large)).toEqual([]);
  });

  it('has five Elastic IP addresses: those of others, and that of a NAT gateway, count', () => {
    const nat = defineCluster({ egress: 'nat-gateway' });
    expect(obstacles({ addresses: ['x', 'y'] })).toEqual([]);
    expect(obstacles({ addresses: ['x', 'y', ''] })).toEqual([
      expect.stringMatching(
        /^quota "EC2-VPC Elastic IPs" in us-east-1: 5 Elastic IP addresses allowed, 3 in use, 3 more/,
      ),
    ]);
    expect(obstacles({ addresses: ['x', 'y'] }, nat)).toEqual([expect.stringContaining('2 in use, 4 more needed')]);
    const own = ['pgha-prod-api-1', 'pgha-prod-monitoring-1', 'pgha-prod-bastion-1', 'pgha-prod-nat'];
    expect(obstacles({ addresses: ['x', ...own] }, nat)).toEqual([]);
  });

  it('has zones that do not offer a type: they are named with their IDs, which mean the same in every account', () => {
    const offers = ['a', 'c', 'd'].map((letter) => ({ zone: `us-east-1${letter}`, instanceType: 't3.micro' }));
    expect(obstacles({ offers })).toEqual([
      'instance type t3.micro: not offered in us-east-1b (use1-az6), where etcd-2, pg-2 would be; offered in ' +
        'us-east-1a (use1-az4), us-east-1c (use1-az1), us-east-1d (use1-az2). Set primary.zones to three letters that offer it, ' +
        'or choose another type in instanceTypes.',
    ]);
    const moved = defineCluster({ primary: { zones: ['a', 'c', 'd'] } });
    expect(availabilityZone(moved.primary, 1)).toBe('us-east-1c');
    expect(obstacles({ offers }, moved)).toEqual([]);
    expect(obstacles({ offers: [] })).toEqual([expect.stringContaining('offered in no zone of the region')]);
  });

  it('has to hold one node that is added or replaced, and nothing else of the region', () => {
    const larger = defineCluster({ instanceTypes: { postgres: 'm7i.large' } });
    const node = nodeNamed(larger, 'pg-2');
    const offers = ['us-east-1a', 'us-east-1b', 'us-east-1c'].map((zone) => ({ zone, instanceType: 'm7i.large' }));
    const review = (changed: Partial<RegionAccount>) =>
      reviewNode(larger, larger.primary, node, { ...empty(larger.primary), offers, ...changed }).obstacles;
    const instances = running(larger, larger.primary);
    // the old instance's vCPUs are free before the new one starts, whether it runs or not
    expect(review({ vcpuQuota: 16, instances })).toEqual([]);
    expect(review({ vcpuQuota: 16, instances: instances.filter(({ name }) => !name.endsWith('pg-2')) })).toEqual([]);
    expect(review({ vcpuQuota: 15, instances })).toEqual([expect.stringMatching(/14 in use, 2 more needed/)]);
    // only this node's zone has to offer the type
    expect(review({ instances, offers: offers.slice(1) })).toEqual([]);
    expect(review({ instances, offers: offers.slice(0, 1) })).toEqual([
      expect.stringMatching(/^instance type m7i.large: not offered in us-east-1b \(use1-az6\), where pg-2 would be;/),
    ]);
    expect(review({ instances: null, offers: null, addresses: null, zones: null })).toEqual([]);
  });

  it('may lack a zone, or not have opted into it', () => {
    const zones =
      empty(cluster.primary).zones?.map((zone) => ({ ...zone, isUsable: zone.name !== 'us-east-1b' })) ?? [];
    expect(obstacles({ zones })).toEqual([
      expect.stringMatching(
        /^availability zone us-east-1b: not available to this account; it has us-east-1a \(use1-az4\)/,
      ),
    ]);
  });

  it('is asked for zones and types for the sake of new machines only: those that run stay where they are', () => {
    const instances = running(cluster, cluster.primary);
    expect(obstacles({ instances, zones: [], offers: [] })).toEqual([]);
    expect(obstacles({ instances: instances.slice(1), zones: [], offers: [] })).toHaveLength(2);
  });

  it('that does not say is no obstacle, and what is unknown is listed', () => {
    const silent = { zones: null, offers: null, instances: null, vcpuQuota: null, addresses: null, addressQuota: null };
    expect(reviewAccount(cluster, cluster.primary, silent)).toEqual({
      obstacles: [],
      unknown: [
        'the availability zones of us-east-1',
        'the instance types that the zones of us-east-1 offer',
        'the vCPU quota of us-east-1',
        'the Elastic IP quota of us-east-1',
      ],
    });
  });
});
