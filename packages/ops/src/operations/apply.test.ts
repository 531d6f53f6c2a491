import { allNodes, defineCluster, regionOf } from '@pgha/infra/cluster';
import { awsSite, patroniDynamicConfig } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../hosts/fake.ts';
import { compareMachines, isDifferent, orderOfChange, planApply } from './apply.ts';
import { compareRegions, isChange } from './apply-settings.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
const { signal } = new AbortController();
const nothing = { packages: [], files: [], removed: [], actions: {}, units: [] };

/** What somebody else set in a region: in Patroni's dynamic configuration, or, by member, in the server's files. */
interface Edits {
  dynamic?: Record<string, unknown>;
  parameters?: Record<string, unknown>;
  overrides?: Readonly<Record<string, readonly object[]>>;
  /** What `patronictl edit-config` got. */
  patches?: unknown[];
}

const overridden = {
  setting: 'synchronous_standby_names',
  value: '',
  level: 'system',
  database: null,
  role: null,
  file: '/var/lib/postgresql/17/main/postgresql.auto.conf',
  line: 3,
  applied: true,
};

/** Every machine of the cluster; those named answer that a file differs until they are changed. */
function machines(
  differing: readonly string[],
  log: string[] = [],
  breaks: string | null = null,
  { dynamic = {}, parameters = {}, overrides = {}, patches = [] }: Edits = {},
) {
  const changed = new Set<string>();
  return allNodes(cluster).map((node) => {
    const isPrimary = node.name === 'pg-2' || node.name === 'dr-pg-1';
    const host = createFakeHost(node.name, ([command, verb, ...rest], { input }) => {
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
      if (command === 'pgha-etcdctl') {
        const own = patroniDynamicConfig(cluster, regionOf(cluster, node)) as {
          postgresql: { parameters: Record<string, unknown> };
        };
        const all = { ...own.postgresql.parameters, ...parameters };
        const stored = { ...own, ...dynamic, postgresql: { ...own.postgresql, parameters: all } };
        return say({ kvs: [{ value: Buffer.from(JSON.stringify(stored)).toString('base64'), mod_revision: 1 }] });
      }
      if (command === 'test') return say(null);
      if (command === '/usr/local/sbin/pgha-durability') {
        if (verb === 'take-back') log.push(`${node.name} takes back ${rest.join(' ')}`);
        return say(verb === 'show' ? { overrides: overrides[node.name] ?? [] } : null);
      }
      if (command === 'patronictl' && rest[1] === 'edit-config') {
        log.push(`${node.name} edits`);
        patches.push(JSON.parse(`${input}`));
        return say(null);
      }
      if (command === 'runuser') return say({ isPrimary, logicalSlots: parameters['wal_level'] ? ['etl'] : [] });
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
    await runAll(await planApply(cluster, all, differences, [], signal));
    expect(log).toEqual(['etcd-1', 'dr-pg-1', 'pg-1', 'pg-3', 'pg-2', 'api-1']);
    expect((await compareMachines(cluster, all)).some(isDifferent)).toBe(false);
  });

  it('applies what was agreed to, although somebody else has compared since', async () => {
    const seen: string[] = [];
    const all = machines(['pg-1'], seen);
    const steps = await planApply(cluster, all, await compareMachines(cluster, all), [], signal);
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
    await expect(
      runAll(await planApply(cluster, all, await compareMachines(cluster, all), [], signal)),
    ).rejects.toThrow(/pg-1/);
    expect(log).toEqual(['pg-1']);
  });

  it('has nothing to change where nobody edited anything', async () => {
    const regions = await compareRegions(cluster, machines([]));
    expect(regions).toEqual(
      ['us-east-1', 'us-west-2'].map((region) => ({ region, settings: [], kept: [], overrides: [] })),
    );
    expect(regions.some(isChange)).toBe(false);
  });

  it('changes of the dynamic configuration what was shown, and keeps what a member needs to start', async () => {
    const [log, patches]: [string[], unknown[]] = [[], []];
    const edits = { dynamic: { ttl: 60 }, parameters: { wal_level: 'logical' }, patches };
    const all = machines(['etcd-1'], log, null, edits);
    const regions = await compareRegions(cluster, all);
    expect(regions[0]).toMatchObject({
      settings: [{ key: 'ttl', now: '60', wanted: '20' }],
      kept: [{ key: 'postgresql.parameters.wal_level', why: expect.stringContaining('etl on pg-2') }],
    });
    await runAll(await planApply(cluster, all, await compareMachines(cluster, all), regions, signal));
    expect(patches).toEqual([{ ttl: 20 }, { ttl: 20 }]);
    expect(log).toEqual(['pg-1 edits', 'dr-pg-1 edits', 'etcd-1']);
  });

  it('does not change what was not shown', async () => {
    const patches: unknown[] = [];
    const before = await compareRegions(cluster, machines([], [], null, { dynamic: { ttl: 60 } }));
    const since = machines([], [], null, { dynamic: { loop_wait: 10 }, patches });
    await runAll(await planApply(cluster, since, [], before, signal));
    expect(patches).toEqual([]);
  });

  it('takes back first what stands in the files of a member, and names the rest', async () => {
    const log: string[] = [];
    const stored = { ...overridden, setting: 'synchronous_commit', level: 'database', database: 'pgha', file: null };
    const overrides = { 'pg-1': [stored], 'pg-2': [overridden, stored], 'pg-3': [stored], 'dr-pg-1': [stored] };
    const all = machines(['pg-1'], log, null, { overrides });
    const regions = await compareRegions(cluster, all);
    expect(regions.map((each) => each.overrides.map(({ member, override }) => [member, override.setting]))).toEqual([
      [
        ['pg-2', 'synchronous_standby_names'],
        ['pg-2', 'synchronous_commit'],
      ],
      [],
    ]);
    await runAll(await planApply(cluster, all, await compareMachines(cluster, all), regions, signal));
    expect(log).toEqual(['pg-2 takes back synchronous_standby_names', 'pg-1']);
  });

  it('has a place for every machine in its order', () => {
    const all = machines([]);
    const order = orderOfChange(cluster, all, new Set(['pg-2', 'dr-pg-1']));
    expect(order.map(({ node }) => node.name).sort()).toEqual(all.map(({ node }) => node.name).sort());
  });
});
