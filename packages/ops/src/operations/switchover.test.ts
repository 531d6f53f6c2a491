import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, type FakeCluster } from '../../test/model/fake-cluster.ts';
import { killEverywhere } from '../../test/model/interruptions.ts';
import { runStep } from '../step.ts';
import { unfinishedKey } from './engine/record.ts';
import { runOperation } from './operation.ts';
import { actingRegion, viewRegions } from './regions.ts';
import { chooseCandidate, planSwitchover } from './switchover.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });

/** The whole command, as commands/switchover.ts runs it. */
async function switchover({ installation }: FakeCluster, to?: string): Promise<string> {
  const { region, members } = actingRegion(cluster, await viewRegions(installation));
  const seen = members ?? [];
  return runOperation(installation, region, 'switchover', async ({ memory, signal }) => {
    const candidate = await memory.choose('to', () => to ?? chooseCandidate(seen));
    const setting = { installation, region, signal };
    for (const step of planSwitchover(setting, seen, candidate)) await runStep(step, () => undefined);
    return candidate;
  });
}

const primary = ({ regions }: FakeCluster) => regions.get('primary') ?? expect.fail('no region');
const leaderOf = (world: FakeCluster) => [...primary(world).members].find(([, { role }]) => role === 'leader')?.[0];

describe('a planned switchover', () => {
  it('hands over to a member that confirms commits', async () => {
    const world = createFakeCluster(cluster);
    expect(await switchover(world)).toBe('pg-2');
    expect(leaderOf(world)).toBe('pg-2');
  });

  it('pauses every pooler before it hands over', async () => {
    const world = createFakeCluster(cluster);
    await switchover(world);
    const at = (word: string) => world.commands.flatMap((command, index) => (command.includes(word) ? [index] : []));
    expect(at('guard hold')).toHaveLength(3);
    expect(Math.max(...at('guard hold'))).toBeLessThan(at('switchover pgha')[0] ?? 0);
  });

  it('comes to the same end wherever it is killed, and does not switch twice', async () => {
    const places = await killEverywhere(
      () => createFakeCluster(cluster),
      (world) => switchover(world),
      (world) => ({ leader: leaderOf(world), unfinished: primary(world).etcd.stored.has(unfinishedKey) }),
    );
    expect(places).toBeGreaterThan(15);
  });

  it('is refused when nobody can take over', async () => {
    const world = createFakeCluster(cluster);
    for (const [name, member] of primary(world).members) if (name !== 'pg-1') member.state = 'starting';
    await expect(switchover(world)).rejects.toThrow(
      'no failover candidate is available: pg-2 is starting; pg-3 is starting',
    );
    expect(primary(world).etcd.stored.has(unfinishedKey)).toBe(false);
  });

  it('refuses a member that could not have every commit, by its name', async () => {
    const world = createFakeCluster(cluster);
    const second = primary(world).members.get('pg-2');
    if (second) second.role = 'replica';
    await expect(switchover(world, 'pg-2')).rejects.toThrow('pg-2 is not a synchronous standby');
    await expect(switchover(world, 'pg-9')).rejects.toThrow('unknown member "pg-9"');
    expect(leaderOf(world)).toBe('pg-1');
  });
});
