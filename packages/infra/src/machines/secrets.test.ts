import { describe, expect, it } from 'vitest';
import { allNodes, defineCluster, type Node } from '../cluster/index.ts';
import type { Site } from './machine.ts';
import { renderMachine } from './render.ts';
import { parametersOf } from './secrets.ts';

const cluster = defineCluster({});
const site: Site = {
  kind: 'aws',
  ssmEndpoint: null,
  s3Endpoint: null,
  extraCa: null,
  hosts: {},
  packagesPreinstalled: false,
  watchdog: 'softdog',
  dataDevice: '/dev/sdf',
  artifactBucket: 'artifacts',
  backupBuckets: { primary: 'backups', dr: 'backups-dr' },
};

/** The parameters a machine may read, without the cluster's prefix and its own certificate. */
const readBy = (node: Node) =>
  parametersOf(renderMachine(cluster, node, site))
    .map((name) => name.replace('/pgha/prod/', ''))
    .filter((name) => !name.startsWith(`machines/${node.name}/`));

describe('what a machine may read', () => {
  it('is never the key of the CA, and no other machine’s key', () => {
    for (const node of allNodes(cluster)) {
      expect(readBy(node).filter((name) => name.startsWith('machines/') || name === 'ca/key')).toEqual([]);
    }
  });

  it.each([
    [
      'etcd-1',
      [
        'ca/certificate',
        'logins/etcd_admin',
        'passwords/etcd_admin_a',
        'passwords/etcd_admin_b',
        'passwords/etcd_patroni_a',
        'passwords/etcd_patroni_b',
      ],
    ],
    ['etcd-2', ['ca/certificate', 'logins/etcd_admin', 'passwords/etcd_admin_a', 'passwords/etcd_admin_b']],
    ['bastion-1', ['ca/certificate']],
    ['monitoring-1', ['ca/certificate', 'passwords/grafana_admin']],
    [
      'api-1',
      [
        'api/keys',
        'backup/detached',
        'backup/passphrases',
        'ca/certificate',
        'logins/app',
        'logins/readonly',
        'passwords/app_a',
        'passwords/app_b',
        'passwords/readonly_a',
        'passwords/readonly_b',
      ],
    ],
  ])('is what its role needs: %s', (name, parameters) => {
    const node = allNodes(cluster).find((candidate) => candidate.name === name) ?? expect.fail(name);
    expect(readBy(node)).toEqual(parameters);
  });

  it('includes the database’s own passwords on database machines alone', () => {
    const database = ['passwords/replication_a', 'passwords/rewind_b', 'passwords/patroni_rest', 'passwords/owner'];
    for (const node of allNodes(cluster)) {
      const isMember = node.role === 'postgres' || node.role === 'standby';
      expect(
        database.every((name) => readBy(node).includes(name)),
        node.name,
      ).toBe(isMember);
      expect(
        database.some((name) => readBy(node).includes(name)),
        node.name,
      ).toBe(isMember);
    }
  });
});
