import { hostname } from 'node:os';
import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, type FakeCluster } from '../../test/model/fake-cluster.ts';
import { runOnBothRegions } from './dr/two-regions.ts';
import { lockKey } from './engine/lock.ts';
import { unfinishedKey } from './engine/record.ts';
import { forgetOperation, readWork } from './forget.ts';
import { runOperation } from './operation.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], dr: null });
const region = cluster.primary;
/** Above the highest process id that Linux gives out. */
const deadPid = 2 ** 22 + 1;

const storedIn = (world: FakeCluster) => world.regions.get('primary')?.etcd.stored ?? expect.fail('no region');

/** A switchover that decides, and then does this. */
const switchover = (world: FakeCluster, then: () => Promise<void>) =>
  runOperation(world.installation, region, 'switchover', async ({ memory }) => {
    await memory.choose('to', () => 'pg-2');
    await then();
  });

/** A cluster on which one failed halfway: its record stays, its lock does not. */
async function withCutOff() {
  const world = createFakeCluster(cluster);
  await expect(switchover(world, () => Promise.reject(new Error('interrupted')))).rejects.toThrow('interrupted');
  const { cutOff } = await readWork(world.installation, region);
  return { world, cutOff: cutOff ?? expect.fail('nothing was interrupted') };
}

describe('what goes on in a cluster', () => {
  it('is at work while somebody has the lock, and not interrupted', async () => {
    const world = createFakeCluster(cluster);
    await switchover(world, async () => {
      const { atWork, cutOff } = await readWork(world.installation, region);
      expect(atWork).toMatchObject({ doing: 'switchover', operator: 'tester', pid: process.pid });
      expect(cutOff).toBeNull();
    });
    expect(await readWork(world.installation, region)).toEqual({ atWork: null, cutOff: null });
  });

  it('is interrupted once the command is dead, though its lock has not ended yet', async () => {
    const { world } = await withCutOff();
    const holder = { operator: 'tester', computer: hostname(), pid: deadPid, doing: 'switchover', since: '2026-01-01' };
    const value = encodeURIComponent(JSON.stringify(holder));
    storedIn(world).set(lockKey, { value, revision: 40, lease: null });
    expect(await readWork(world.installation, region)).toMatchObject({
      atWork: null,
      cutOff: { doing: 'switchover', choices: { to: 'pg-2' } },
    });
  });
});

describe('forgetting an operation', () => {
  it('removes its record and leaves audit lines that name it', async () => {
    const { world, cutOff } = await withCutOff();
    await forgetOperation(world.installation, region, cutOff);
    expect(storedIn(world).has(unfinishedKey)).toBe(false);
    expect(storedIn(world).has(lockKey)).toBe(false);
    const audited = world.commands.filter((command) => command.includes('"doing":"operations forget: switchover"'));
    expect(audited.at(-1)).toContain('"result":"done"');
  });

  it('is refused while it is at work: its record is what it goes on with', async () => {
    const { world, cutOff } = await withCutOff();
    await switchover(world, async () => {
      await expect(forgetOperation(world.installation, region, cutOff)).rejects.toThrow(
        /another operation is in progress: "pgha switchover", started by tester on .* \(pid/,
      );
      expect(storedIn(world).has(unfinishedKey)).toBe(true);
    });
  });

  it('is refused when another one was interrupted since it was agreed to', async () => {
    const { world, cutOff } = await withCutOff();
    const agreed = { ...cutOff, since: '2025-01-01T00:00:00Z' };
    await expect(forgetOperation(world.installation, region, agreed)).rejects.toThrow(
      'Check "pgha operations list" again',
    );
    expect(storedIn(world).has(unfinishedKey)).toBe(true);
  });

  it('removes what an operation on both regions keeps in the other one, where that can be entered', async () => {
    const both = defineCluster({ adminCidrs: ['192.0.2.0/24'] });
    for (const isLost of [false, true]) {
      const world = createFakeCluster(both);
      const { dr } = both;
      if (dr === null) expect.fail('no second region');
      const cutOff = runOnBothRegions(world.installation, [both.primary, dr], 'dr switchover', async ({ memory }) => {
        await memory.choose('to', () => dr.awsRegion);
        throw new Error('interrupted');
      });
      await expect(cutOff).rejects.toThrow('interrupted');
      if (isLost) for (const { name } of dr.nodes) world.off.add(name);
      const { cutOff: agreed } = await readWork(world.installation, both.primary);
      await forgetOperation(world.installation, both.primary, agreed ?? expect.fail('nothing was interrupted'));
      expect(storedIn(world).has(unfinishedKey)).toBe(false);
      expect(world.regions.get('dr')?.etcd.stored.has(unfinishedKey)).toBe(isLost);
    }
  });
});
