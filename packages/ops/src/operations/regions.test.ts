import { defineCluster, membersOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, failed } from '../../test/model/fake-cluster.ts';
import { etcdOn } from '../clients/etcd.ts';
import { CommandTimeoutError } from '../hosts/host.ts';
import { viewRegion } from './regions.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
const names = membersOf(cluster.primary).map(({ name }) => name);

describe('the view of a region', () => {
  it('is another member’s while the first one is new and not yet set up', async () => {
    const { installation } = createFakeCluster(cluster, (machine, argv) =>
      machine === 'pg-1' && argv[0] === 'patronictl' ? failed('Provided config file /etc/patroni/config') : null,
    );
    const { members, problem } = await viewRegion(installation, cluster.primary);
    expect(members?.map(({ name }) => name)).toEqual(names);
    expect(problem).toBeNull();
  });

  it('is another member’s when the first one hangs, without waiting for its timeout', async () => {
    const { installation } = createFakeCluster(cluster);
    const hanging = new Promise<never>(() => undefined);
    const host: typeof installation.host = (node) =>
      node.name === 'pg-1' ? { ...installation.host(node), run: () => hanging } : installation.host(node);
    const { members, problem } = await viewRegion({ host }, cluster.primary, 50);
    expect(members?.map(({ name }) => name)).toEqual(names);
    expect(problem).toBeNull();
  });

  it('is nobody’s when none can be asked, and says why of each', async () => {
    const { installation, off } = createFakeCluster(cluster);
    for (const name of names) off.add(name);
    const { members, problem } = await viewRegion(installation, cluster.primary);
    expect(members).toBeNull();
    for (const name of names) expect(problem).toContain(`${name} is off`);
  });
});

describe('a region’s etcd', () => {
  const hosts = cluster.primary.nodes.filter(({ role }) => role === 'etcd');

  it.each([78, 127])('is asked on another machine while one that ends with %i is not set up', async (exitCode) => {
    const { installation } = createFakeCluster(cluster, (machine, argv) =>
      machine === 'etcd-1' && argv[0] === 'pgha-etcdctl' ? failed('not there yet', exitCode) : null,
    );
    const etcd = etcdOn(hosts.map((node) => installation.host(node)));
    expect(await etcd.swap('/pgha/test', 0, 'value', null)).toBeNull();
    expect(await etcd.read('/pgha/test')).toMatchObject({ value: 'value' });
  });

  it('is read on another machine when one hangs, and is not told there again to write', async () => {
    const { installation } = createFakeCluster(cluster, (machine, argv) => {
      if (machine === 'etcd-1' && argv[0] === 'pgha-etcdctl') throw new CommandTimeoutError(machine, argv, 30_000);
      return null;
    });
    const etcd = etcdOn(hosts.map((node) => installation.host(node)));
    expect(await etcd.read('/pgha/test')).toBeNull();
    await expect(etcd.swap('/pgha/test', 0, 'value', null)).rejects.toThrow('did not end within 30000 ms');
  });

  it('is not asked again what one of its machines may have done', async () => {
    const asked: string[] = [];
    const { installation } = createFakeCluster(cluster, (machine, argv) => {
      if (argv[0] !== 'pgha-etcdctl') return null;
      asked.push(machine);
      return failed('Error: context deadline exceeded');
    });
    const etcd = etcdOn(hosts.map((node) => installation.host(node)));
    await expect(etcd.swap('/pgha/test', 0, 'value', null)).rejects.toThrow('context deadline exceeded');
    expect(asked).toEqual(['etcd-1']);
  });
});
