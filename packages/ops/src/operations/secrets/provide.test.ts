import { allNodes, defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, type FakeCluster } from '../../../test/model/fake-cluster.ts';
import { parameterNames } from '../../secrets/index.ts';
import { lockKey } from '../engine/lock.ts';
import { missingSecrets, provideSecrets } from './provide.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], dr: null });

const audited = ({ commands }: FakeCluster) => commands.filter((command) => command.includes('pgha-audit'));

describe('making the secrets that are not there', () => {
  it('is an operation where there is a cluster: it leaves audit lines and a free lock', async () => {
    const world = createFakeCluster(cluster);
    const { created } = await provideSecrets(world.installation, () => undefined);
    expect(created.length).toBe(parameterNames(cluster).length);
    expect(audited(world)[0]).toContain('"doing":"secrets init"');
    expect(audited(world).at(-1)).toContain('"result":"done"');
    expect(world.regions.get('primary')?.etcd.stored.has(lockKey)).toBe(false);
  });

  it('is told beforehand without making anything', async () => {
    const world = createFakeCluster(cluster);
    const before = await missingSecrets(world.installation);
    expect(world.stored.get('primary')?.size).toBe(0);
    const { created } = await provideSecrets(world.installation, () => undefined);
    expect([...created].sort()).toEqual([...before.created].sort());
    expect(await missingSecrets(world.installation)).toEqual({ created: [], kept: parameterNames(cluster) });
  });

  it('is refused while somebody else is at work, and makes nothing', async () => {
    const world = createFakeCluster(cluster);
    const holder = { operator: 'ana', computer: 'a', pid: 7, doing: 'secrets rotate app', since: '2026-01-01' };
    const value = encodeURIComponent(JSON.stringify(holder));
    world.regions.get('primary')?.etcd.stored.set(lockKey, { value, revision: 40, lease: null });
    await expect(provideSecrets(world.installation, () => undefined)).rejects.toThrow(/started by ana on a \(pid 7\)/);
    expect(world.stored.get('primary')?.size).toBe(0);
  });

  it('goes on before there is a cluster, and says that nobody is kept out', async () => {
    const world = createFakeCluster(cluster);
    for (const { name } of allNodes(cluster)) world.off.add(name);
    const said: string[] = [];
    const { created } = await provideSecrets(world.installation, (line) => said.push(line));
    expect(created.length).toBe(parameterNames(cluster).length);
    expect(said[0]).toContain('without the operation lock');
  });
});
