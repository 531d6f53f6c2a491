import { allNodes, defineCluster, regionOf } from '@pgha/infra/cluster';
import { awsSite } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../hosts/fake.ts';
import { compareMachines, isDifferent, orderOfChange, planApply } from './apply.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
const { signal } = new AbortController();
const nothing = { packages: [], files: [], removed: [], actions: {}, units: [] };

/** Every machine of the cluster; those named answer that a file differs until they are changed. */
function machines(differing: readonly string[], log: string[] = [], breaks: string | null = null) {
  const changed = new Set<string>();
  return allNodes(cluster).map((node) => {
    const isPrimary = node.name === 'pg-2' || node.name === 'dr-pg-1';
    const host = createFakeHost(node.name, ([command, verb]) => {
      const say = (value: unknown, exitCode = 0) => ({ exitCode, stdout: JSON.stringify(value), stderr: '' });
      if (command === 'pgha-machine' && verb === 'diff') {
        const differs = differing.includes(node.name) && !changed.has(node.name);
        return say(differs ? { ...nothing, files: ['/etc/hosts'] } : nothing);
      }
      if (command === 'pgha-machine' && verb === 'apply') {
        log.push(node.name);
        if (breaks === node.name) return say('it did not come up', 1);
        changed.add(node.name);
        return say(nothing);
      }
      if (command === 'sh') return { exitCode: 1, stdout: '-old\n+new\n', stderr: '' };
      if (command === 'patronictl') {
        const region = regionOf(cluster, node).kind;
        const leader = region === 'primary' ? 'pg-2' : 'dr-pg-1';
        const names = region === 'primary' ? ['pg-1', 'pg-2', 'pg-3'] : ['dr-pg-1'];
        const leading =
          region === 'primary' ? { Role: 'Leader', State: 'running' } : { Role: 'Standby Leader', State: 'streaming' };
        return say(
          names.map((Member) =>
            Member === leader ? { Member, ...leading } : { Member, Role: 'Replica', State: 'streaming' },
          ),
        );
      }
      return null;
    });
    return { node, host, isPrimary, site: awsSite(cluster, regionOf(cluster, node), '123456789012') };
  });
}

const runAll = async (steps: Awaited<ReturnType<typeof planApply>>) => {
  for (const step of steps) await step.run(() => undefined);
};

describe('applying a changed cluster', () => {
  it('shows each file that differs and touches nothing in force', async () => {
    const all = machines(['pg-1']);
    const [difference] = (await compareMachines(cluster, all)).filter(isDifferent);
    expect(difference).toMatchObject({ machine: 'pg-1', files: [{ path: '/etc/hosts', diff: '-old\n+new\n' }] });
    const first = all.find(({ node }) => node.name === 'pg-1');
    expect([...(first?.host.files.keys() ?? [])]).toEqual(['/var/lib/pgha/machine.next.json']);
  });

  it('changes only what differs, replicas before their primary', async () => {
    const log: string[] = [];
    const all = machines(['pg-1', 'pg-2', 'pg-3', 'etcd-1', 'api-1', 'dr-pg-1'], log);
    const differences = await compareMachines(cluster, all);
    await runAll(await planApply(cluster, all, differences, signal));
    expect(log).toEqual(['etcd-1', 'dr-pg-1', 'pg-1', 'pg-3', 'pg-2', 'api-1']);
    expect((await compareMachines(cluster, all)).some(isDifferent)).toBe(false);
  });

  it('applies what was agreed to, although somebody else has compared since', async () => {
    const seen: string[] = [];
    const all = machines(['pg-1'], seen);
    const steps = await planApply(cluster, all, await compareMachines(cluster, all), signal);
    const host = all.find(({ node }) => node.name === 'pg-1')?.host;
    const path = '/var/lib/pgha/machine.next.json';
    const agreed = host?.files.get(path)?.content;
    await host?.writeFile(path, 'of another configuration');
    await runAll(steps);
    expect(seen).toEqual(['pg-1']);
    expect(host?.files.get(path)?.content === agreed, 'the manifest in force is the one agreed to').toBe(true);
  });

  it('stops at the machine that breaks, and a second run goes on from there', async () => {
    const log: string[] = [];
    const all = machines(['pg-1', 'pg-2'], log, 'pg-1');
    await expect(runAll(await planApply(cluster, all, await compareMachines(cluster, all), signal))).rejects.toThrow(
      /pg-1/,
    );
    expect(log).toEqual(['pg-1']);
  });

  it('has a place for every machine in its order', () => {
    const all = machines([]);
    const order = orderOfChange(cluster, all, new Set(['pg-2', 'dr-pg-1']));
    expect(order.map(({ node }) => node.name).sort()).toEqual(all.map(({ node }) => node.name).sort());
  });
});
