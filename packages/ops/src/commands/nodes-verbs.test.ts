import { allNodes, defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { verbs } from './nodes-verbs.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });

describe('the question before a machine is replaced', () => {
  it('names what is lost, whatever the machine is', () => {
    for (const node of allNodes(cluster)) {
      expect(verbs.replace.question(node, 'aws')).toMatch(
        new RegExp(`^Replace ${node.name} .* Its disk is deleted, .+\\.$`),
      );
    }
  });

  it('says where the data of a database machine is', () => {
    const node = allNodes(cluster).find(({ role }) => role === 'postgres') ?? expect.fail('no database machine');
    expect(verbs.replace.question(node, 'aws')).toContain('its data volume is attached to the new instance');
    expect(verbs.replace.question(node, 'lab')).toContain('its data, which is reinitialized from the newest backup');
  });
});
