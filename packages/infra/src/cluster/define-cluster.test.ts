import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPrivate, overlap, parseAddress, parseCidr } from './addresses.ts';
import { defineCluster, InvalidClusterError } from './define-cluster.ts';
import type { ClusterInput } from './input.ts';
import { membersBeyond, mostMembers, nodeBeyond } from './layout.ts';
import { allNodes, membersOf, nodeNamed, nodesOf, regionsOf } from './topology.ts';
import { availabilityZone } from './zones.ts';

const legalInput: fc.Arbitrary<ClusterInput> = fc.record(
  {
    project: fc.constantFrom('pgha', 'a1', 'shop-floor', 'abcdefghijklmnop'),
    environment: fc.constantFrom('prod', 'qa', 'staging-eu-1'),
    durability: fc.constantFrom('zero-loss' as const, 'available' as const),
    primary: fc.record(
      {
        cidr: fc.constantFrom('10.1.0.0/16', '172.16.32.0/20', '192.168.0.0/17'),
        postgres: fc.constantFrom(2, 3),
        etcd: fc.constantFrom(3, 5),
      },
      { requiredKeys: [] },
    ),
    dr: fc.option(
      fc.record(
        { cidr: fc.constantFrom('10.2.0.0/16', '10.9.16.0/20'), postgres: fc.constantFrom(1, 2, 3) },
        { requiredKeys: [] },
      ),
    ),
    monitoring: fc.boolean(),
  },
  { requiredKeys: [] },
);

function problemsOf(input: ClusterInput): readonly { path: string; value: unknown }[] {
  try {
    defineCluster(input);
    return [];
  } catch (error) {
    if (error instanceof InvalidClusterError) return error.problems;
    throw error;
  }
}

describe('a legal cluster', () => {
  it('gives every machine a unique name and an unreserved address inside one subnet of its region', () => {
    fc.assert(
      fc.property(legalInput, (input) => {
        const cluster = defineCluster(input);
        const names = allNodes(cluster).map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
        for (const region of regionsOf(cluster)) {
          const subnets = region.subnets.flatMap(({ publicCidr, privateCidr }) => [publicCidr, privateCidr]).map(range);
          const addresses = [...region.nodes.map(({ address }) => address), ...region.loadBalancer.addresses];
          expect(new Set(addresses).size).toBe(addresses.length);
          for (const address of addresses.map((text) => parseAddress(text) ?? Number.NaN)) {
            const home = subnets.filter(({ first }) => address >= first + 4 && address < first + 255);
            expect(home).toHaveLength(1);
          }
        }
      }),
    );
  });

  it('keeps the subnets private, inside their region and apart from each other, in both regions', () => {
    fc.assert(
      fc.property(legalInput, (input) => {
        const all = regionsOf(defineCluster(input)).flatMap((region) => {
          const subnets = region.subnets.flatMap(({ publicCidr, privateCidr }) => [publicCidr, privateCidr]).map(range);
          expect(subnets.every((subnet) => overlap(subnet, range(region.cidr)) && isPrivate(subnet))).toBe(true);
          return subnets;
        });
        expect(all.every((one, index) => all.slice(index + 1).every((other) => !overlap(one, other)))).toBe(true);
      }),
    );
  });

  it('spreads three etcd machines over three zones, so that one lost zone leaves a quorum', () => {
    fc.assert(
      fc.property(legalInput, (input) => {
        const { primary } = defineCluster(input);
        const etcd = nodesOf(primary, 'etcd');
        for (const zone of [0, 1, 2]) {
          const lost = etcd.filter(({ zoneIndex }) => zoneIndex === zone).length;
          expect(etcd.length - lost).toBeGreaterThan(etcd.length / 2);
        }
      }),
    );
  });

  it('defaults to two machines that stay available, and to zero loss with three', () => {
    expect(defineCluster().durability).toBe('available');
    expect(membersOf(defineCluster().primary).map(({ name }) => name)).toEqual(['pg-1', 'pg-2']);
    expect(defineCluster({ primary: { postgres: 3 } }).durability).toBe('zero-loss');
    expect(defineCluster({ primary: { postgres: 3 }, durability: 'available' }).durability).toBe('available');
  });
});

describe('a machine beyond the cluster', () => {
  it('is the one that a larger cluster has', () => {
    const large = defineCluster({ primary: { postgres: 3, etcd: 5 }, dr: { postgres: 3 } });
    const small = defineCluster({ primary: { postgres: 2, etcd: 3 }, dr: { postgres: 2 } });
    for (const name of ['pg-3', 'etcd-4', 'etcd-5', 'dr-pg-3', 'pg-1']) {
      expect(nodeBeyond(small, name)?.node).toEqual(nodeNamed(large, name));
    }
    expect(nodeBeyond(small, 'dr-pg-3')?.region.kind).toBe('dr');
  });

  it('is none when no cluster has such a name', () => {
    for (const name of ['pg', 'pg-', 'pg-0', 'pg-12', 'x-1', 'dr-pg-x']) {
      expect(nodeBeyond(defineCluster(), name), name).toBeNull();
    }
  });
});

describe('the database machines that a cluster could have besides', () => {
  it('are all up to the most that the rules allow', () => {
    const names = (input: ClusterInput) =>
      regionsOf(defineCluster(input)).map((region) =>
        membersBeyond(defineCluster(input), region).map(({ name, role }) => `${name} ${role}`),
      );
    expect(names({ primary: { postgres: 2 } })).toEqual([['pg-3 postgres'], ['dr-pg-2 standby', 'dr-pg-3 standby']]);
    expect(names({ primary: { postgres: 3 }, dr: null })).toEqual([[]]);
    expect(() => defineCluster({ primary: { postgres: mostMembers } })).not.toThrow();
    expect(() => defineCluster({ primary: { postgres: mostMembers + 1 } })).toThrow(InvalidClusterError);
  });
});

describe('the zones of a region', () => {
  it('are those the configuration names, or the usual ones', () => {
    const zonesOf = (input: ClusterInput) =>
      [0, 1, 2].map((index) => availabilityZone(defineCluster(input).primary, index as 0));
    expect(zonesOf({})).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
    expect(zonesOf({ primary: { awsRegion: 'ap-northeast-1' } })).toEqual([
      'ap-northeast-1a',
      'ap-northeast-1c',
      'ap-northeast-1d',
    ]);
    expect(zonesOf({ primary: { zones: ['a', 'd', 'f'] } })).toEqual(['us-east-1a', 'us-east-1d', 'us-east-1f']);
  });
});

describe('an impossible cluster', () => {
  it.each<[string, ClusterInput]>([
    ['primary.etcd', { primary: { etcd: 4 } }],
    ['primary.zones', { primary: { zones: ['a', 'b', 'b'] } }],
    ['primary.zones', { primary: { zones: ['a', 'b', 'us-east-1c'] } }],
    ['primary.awsRegion', { primary: { awsRegion: 'us-gov-west-1' } }],
    ['primary.awsRegion', { primary: { awsRegion: 'cn-north-1' } }],
    ['dr.awsRegion', { dr: { awsRegion: 'us-gov-east-1' } }],
    ['dr.awsRegion', { dr: { awsRegion: 'cn-northwest-1' } }],
    ['dr.awsRegion', { dr: { awsRegion: 'us-isob-east-1' } }],
    ['primary.postgres', { primary: { postgres: 1 } }],
    ['primary.cidr', { primary: { cidr: '10.42.0.1/16' } }],
    ['primary.cidr', { primary: { cidr: '8.8.0.0/16' } }],
    ['primary.cidr', { primary: { cidr: '10.42.0.0/21' } }],
    ['primary.apiServer', { primary: { apiServer: false } }],
    ['dr.cidr', { primary: { cidr: '10.43.0.0/17' } }],
    ['dr.awsRegion', { dr: { awsRegion: 'us-east-1' } }],
    ['dr.awsRegion', { dr: { awsRegion: 'oregon' } }],
    ['dr.awsRegion', { dr: { awsRegion: 'us-west-1' } }],
    ['dr.namePrefix', { dr: { namePrefix: '' } }],
    ['dr.etcd', { dr: { etcd: 2 } }],
    ['patroni.ttlSeconds', { patroni: { retryTimeoutSeconds: 10 } }],
    ['patroni.ttlSeconds', { patroni: { ttlSeconds: 15 } }],
    ['patroni.maximumLagOnFailoverBytes', { patroni: { maximumLagOnFailoverBytes: 1048576 } }],
    ['backups.retentionDays', { backups: { retentionDays: 6 } }],
    ['backups.incrementalEveryHours', { backups: { incrementalEveryHours: 5 } }],
    ['backups.atUtc', { backups: { atUtc: '2am' } }],
    ['volumes.dataGib', { volumes: { dataGib: 1 } }],
    ['instanceTypes.postgres', { instanceTypes: { postgres: 't4g.micro' } }],
    ['project', { project: 'A project' }],
    ['project', { project: 'sg-east' }],
    ['project', { project: 'awsome' }],
    ['egress', { egress: 'none' as 'bastion' }],
    ['objectLockDays', { objectLockDays: 0 }],
    ['state', { state: 'tape' as 'local' }],
    ['alertEmail', { alertEmail: 'nobody' }],
    ['documentationUrl', { documentationUrl: 'docs' }],
    ['documentationUrl', { documentationUrl: 'https://example.com/docs/' }],
    ['adminCidrs[0]', { adminCidrs: ['0.0.0.0/0'] }],
    ['apiCidrs[0]', { apiCidrs: ['203.0.113.7'] }],
    ['backup', { backup: {} } as ClusterInput],
    ['primary.nodes', { primary: { nodes: 3 } as NonNullable<ClusterInput['primary']> }],
  ])('is refused at %s', (path, input) => {
    expect(problemsOf(input).map((problem) => problem.path)).toContain(path);
  });

  it('is refused with the value seen and what is allowed, all of them at once', () => {
    expect(() => defineCluster({ primary: { etcd: 4, postgres: 4 } })).toThrow(
      `invalid configuration (2 errors):
  primary.postgres: 4 is not supported. Allowed: 2 or 3 (3 is recommended with durability "zero-loss").
  primary.etcd: 4 is not supported. Allowed: 3 or 5 (3 is one per availability zone). An even number tolerates no more failures than the odd number below it.`,
    );
  });

  it('names the settings that exist where one is unknown', () => {
    const misspelt = { patroniTtl: 3, primary: { nodes: 3 } } as ClusterInput;
    expect(() => defineCluster(misspelt)).toThrow(
      /unknown setting "patroniTtl". Known settings: .*project, environment/,
    );
    expect(() => defineCluster(misspelt)).toThrow(
      /unknown setting "primary.nodes". Known settings of primary: awsRegion, /,
    );
  });

  it("never passes a timing that breaks Patroni's rule", () => {
    const seconds = fc.integer({ min: 0, max: 60 });
    fc.assert(
      fc.property(seconds, seconds, seconds, (ttlSeconds, loopWaitSeconds, retryTimeoutSeconds) => {
        const sound =
          ttlSeconds >= 20 &&
          loopWaitSeconds >= 1 &&
          retryTimeoutSeconds >= 3 &&
          loopWaitSeconds + 2 * retryTimeoutSeconds <= ttlSeconds;
        const problems = problemsOf({ patroni: { ttlSeconds, loopWaitSeconds, retryTimeoutSeconds } });
        expect(problems.length === 0).toBe(sound);
      }),
    );
  });
});

function range(cidr: string) {
  const parsed = parseCidr(cidr);
  if (parsed === null) throw new Error(`malformed range ${cidr}`);
  return parsed;
}
