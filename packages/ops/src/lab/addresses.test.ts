import { allNodes, defineCluster, regionsOf } from '@pgha/infra/cluster';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conflictingCidr, gatewayOf, hardwareAddressOf, neighboursOf, prefixLengthOf } from './addresses.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });
const part = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(part, part, part, part).map((parts) => parts.join('.'));

describe('addresses of the lab', () => {
  it('give each address a hardware address of its own, of the kind nobody sells', () => {
    expect(hardwareAddressOf('10.42.8.21')).toBe('02:70:0a:2a:08:15');
    fc.assert(
      fc.property(address, address, (a, b) => {
        expect(hardwareAddressOf(a)).toMatch(/^02:70(:[0-9a-f]{2}){4}$/);
        expect(hardwareAddressOf(a) === hardwareAddressOf(b)).toBe(a === b);
      }),
    );
  });

  it('put the router at the first address of a range, as AWS does', () => {
    expect(gatewayOf('10.42.0.0/16')).toBe('10.42.0.1');
    expect(gatewayOf('172.31.255.0/24')).toBe('172.31.255.1');
    expect(prefixLengthOf('172.31.255.0/24')).toBe(24);
  });

  it('know every machine of a region, and one interface for all addresses of its load balancer', () => {
    for (const region of regionsOf(cluster)) {
      const neighbours = new Map(neighboursOf(region).map((each) => [each.address, each.hardwareAddress]));
      for (const node of region.nodes) expect(neighbours.get(node.address)).toBe(hardwareAddressOf(node.address));
      expect(new Set(region.loadBalancer.addresses.map((each) => neighbours.get(each))).size).toBe(1);
    }
    expect(regionsOf(cluster).flatMap(neighboursOf)).toHaveLength(allNodes(cluster).length + 6);
  });

  it('name the range of a cluster that overlaps the lab’s own', () => {
    expect(conflictingCidr(cluster)).toBeNull();
    const overlapping = defineCluster({ adminCidrs: ['192.0.2.0/24'], dr: { cidr: '10.41.16.0/20' } });
    expect(conflictingCidr(overlapping)).toBe('10.41.16.0/20');
  });
});
