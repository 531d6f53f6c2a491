import { defineCluster, nodeNamed } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../exit-codes.ts';
import { createFakeHost } from '../../hosts/fake.ts';
import { inMemoryStore, secretsInit } from '../../secrets/index.ts';
import { describeRemains, planDestroy } from './destroy.ts';
import { describeOutcome, outcomeOf } from './outcome.ts';
import { isComplete, waitForMachines } from './readiness.ts';
import { type OldInstance, planNewInstance } from './replace.ts';
import { planDeploy, requireDataVolumes } from './steps.ts';
import { scopeOf, stacksOf } from './target.ts';
import { deployRelease, readCreated, smokeTest } from './verification.ts';

const cluster = defineCluster();
const noSession = () => {
  throw new Error('only shown');
};
const instance = (old: Partial<OldInstance> = {}): OldInstance => ({
  state: async () => 'running',
  responds: async () => true,
  cut: async () => {},
  ...old,
});
const done = (stdout: string) => ({ exitCode: 0, stdout, stderr: '' });

describe('the stacks of a deploy', () => {
  it('begin with the data of both regions, because the machines archive into both', () => {
    expect(stacksOf(scopeOf(cluster, 'primary', false))).toEqual(['primary-data', 'dr-data', 'primary']);
    expect(stacksOf(scopeOf(cluster, 'dr', false))).toEqual(['primary-data', 'dr-data', 'dr', 'peering']);
  });

  it('leave the other region out when it is lost', () => {
    expect(stacksOf(scopeOf(cluster, 'dr', true))).toEqual(['dr-data', 'dr']);
    expect(planDestroy(scopeOf(cluster, 'dr', true), noSession).map(({ title }) => title)).toEqual([
      'Disable the deletion protection of the load balancer',
      'Destroy the nodes, load balancer and network of us-west-2',
    ]);
  });

  it('are refused for a second region that the configuration does not have', () => {
    expect(() => scopeOf(defineCluster({ dr: null }), 'dr', false)).toThrow(RefusedError);
  });

  it('end in an error that says so where a data volume was not found', () => {
    const found = { 'pg-1': 'vol-1', 'pg-2': null };
    expect(() => requireDataVolumes({ data_volumes: found })).toThrow(/data volume of pg-2 was not found/);
    expect(() => requireDataVolumes({ data_volumes: { ...found, 'pg-2': 'vol-2' } })).not.toThrow();
  });

  it('are shown without a session', () => {
    const titles = planDeploy(scopeOf(cluster, 'primary', false), noSession, { allowed: [] }).map(({ title }) => title);
    expect(titles.at(0)).toMatch(/^Apply data of the primary region/);
    expect(titles.at(-1)).toBe('Verify a write and a read through the APIs');
  });
});

describe('what a destroy leaves', () => {
  const now = new Date('2026-11-28T12:00:00Z');
  const account = '123456789012';

  it('is said with its names, and until when nobody can delete it', () => {
    const said = describeRemains(scopeOf(cluster, 'primary', false), account, now);
    expect(said).toContain('pgha-prod-pg-1-data, pgha-prod-pg-2-data');
    expect(said).toContain(`pgha-prod-backups-primary-${account}: object lock`);
    expect(said).toContain('before 2026-12-05');
    expect(said).toContain('alias/pgha-prod, alias/pgha-prod-secrets');
  });

  it('says that an administrator can delete it where there is no object lock', () => {
    const scope = scopeOf(defineCluster({ objectLockDays: null }), 'dr', false);
    expect(describeRemains(scope, account, now)).toContain('no object lock');
  });
});

describe('a region', () => {
  const nodes = [{ name: 'pg-1' }, { name: 'pg-2' }];
  const member = (name: string, role: string, state: string) => ({ name, role, state });

  it('is complete with one leader and everybody else behind it', () => {
    expect(isComplete(nodes, [member('pg-1', 'leader', 'running'), member('pg-2', 'sync_standby', 'streaming')])).toBe(
      true,
    );
    expect(isComplete([{ name: 'dr-pg-1' }], [member('dr-pg-1', 'standby_leader', 'streaming')])).toBe(true);
  });

  it.each([
    ['nobody leads', [member('pg-1', 'replica', 'running'), member('pg-2', 'replica', 'running')]],
    ['one is missing', [member('pg-1', 'leader', 'running')]],
    ['one still copies', [member('pg-1', 'leader', 'running'), member('pg-2', 'replica', 'creating replica')]],
    ['two lead', [member('pg-1', 'leader', 'running'), member('pg-2', 'leader', 'running')]],
  ])('is not while %s', (_, members) => {
    expect(isComplete(nodes, members)).toBe(false);
  });
});

describe('a first boot', () => {
  it('is told about while it lasts, each obstacle once', async () => {
    const answers = ['inactive', 'inactive', 'active'];
    const host = createFakeHost('pg-1', (argv) =>
      done(argv[0] === 'systemctl' ? (answers.shift() ?? '') : 'installing postgresql-17'),
    );
    const said: string[] = [];
    const report = (line: string) => void said.push(line);
    await waitForMachines([nodeNamed(cluster, 'pg-1')], () => host, report, new AbortController().signal, {
      everyMs: 1,
    });
    expect(said).toEqual(['last log line of pg-1: installing postgresql-17', 'all nodes are provisioned']);
  });
});

describe('a release', () => {
  it('brings its schema before its services, and gives the password on standard input alone', async () => {
    const store = inMemoryStore();
    await secretsInit(cluster, store);
    const inputs: string[] = [];
    const host = createFakeHost('api-1', (argv, { input }) => {
      if (input !== undefined) inputs.push(input);
      return done(
        argv.includes('--fetch')
          ? '{"current": "1.0.0-a", "previous": null, "releases": ["1.0.0-a"]}'
          : '{"applied": ["0003-more"]}',
      );
    });
    const said: string[] = [];
    await deployRelease(host, cluster, store, '1.0.0-b', (line) => said.push(line));
    expect(host.commands.map(([program, ...rest]) => [program, ...rest.slice(0, 2)].join(' '))).toEqual([
      '/usr/local/sbin/pgha-deploy --fetch 1.0.0-b',
      expect.stringContaining('/opt/pgha/releases/1.0.0-b/bin/node --input-type=module --eval'),
      '/usr/local/sbin/pgha-deploy 1.0.0-b',
    ]);
    const password = (await store.read(['/pgha/prod/passwords/owner'])).get('/pgha/prod/passwords/owner') ?? '';
    expect(inputs.join()).toContain(password);
    expect(JSON.stringify(host.commands)).not.toContain(password);
    expect(said).toContain('applied 0003-more');
  });

  it('restarts nothing that serves it already', async () => {
    const store = inMemoryStore();
    await secretsInit(cluster, store);
    const host = createFakeHost('api-1', (argv) =>
      done(
        argv.includes('--fetch') ? '{"current": "1.0.0", "previous": null, "releases": ["1.0.0"]}' : '{"applied": []}',
      ),
    );
    await deployRelease(host, cluster, store, '1.0.0', () => {});
    expect(host.commands).toHaveLength(2);
  });
});

describe('the first write', () => {
  it('is read at the other port from its position on, and removed', async () => {
    const store = inMemoryStore();
    await secretsInit(cluster, store);
    const host = createFakeHost('api-1', (argv) =>
      done(argv.includes('-d') ? 'HTTP/1.1 201 Created\r\nCommit-LSN: 0/3000148;tl=1\r\n\r\n{"id": 7}' : ''),
    );
    const result = await smokeTest(host, cluster, store, new AbortController().signal);
    expect(result).toEqual({ id: 7, commitLsn: '0/3000148;tl=1' });
    const urls = host.commands.map((argv) => argv.at(-1));
    expect(urls).toEqual([
      'https://api-1.prod.pgha.internal:8000/items',
      'https://api-1.prod.pgha.internal:8001/items/7',
      'https://api-1.prod.pgha.internal:8000/items/7',
    ]);
    expect(host.commands[1]).toContain('Min-LSN: 0/3000148;tl=1');
    const key = (await store.read(['/pgha/prod/api/keys'])).get('/pgha/prod/api/keys')?.trim() ?? '';
    expect(JSON.stringify(host.commands)).not.toContain(key);
  });

  it('is not taken for one when its answer lacks the position', () => {
    expect(() => readCreated('HTTP/1.1 201 Created\r\n\r\n{"id": 7}')).toThrow(/no id or no Commit-LSN/);
  });
});

describe('the end of a deploy', () => {
  it('names the load balancer, psql for each port, and every page', () => {
    const outputs = {
      load_balancer_dns_name: 'pgha-prod-db-1.elb.us-east-1.amazonaws.com',
      public_addresses: { 'api-1': '198.51.100.1', 'monitoring-1': '198.51.100.2' },
    };
    const text = describeOutcome(outcomeOf(scopeOf(cluster, 'primary', false), outputs));
    for (const part of [
      'pgha-prod-db-1.elb.us-east-1.amazonaws.com',
      'port=5432',
      'port=5433',
      'port=6432',
      'https://198.51.100.1:8000/docs',
      'https://198.51.100.2:3000/',
      '--name /pgha/prod/ca/certificate',
    ]) {
      expect(text).toContain(part);
    }
  });
});

describe('a new instance', () => {
  it('is made by replacing just the one, once its programs are there', () => {
    const scope = scopeOf(cluster, 'primary', true);
    const steps = planNewInstance(scope, nodeNamed(cluster, 'pg-2'), noSession, async () => false, instance());
    expect(steps.map(({ title }) => title)).toEqual([
      'Publish the programs of the new node',
      'Force-stop pg-2 if it does not respond',
      'Replace the EC2 instance of pg-2',
    ]);
  });

  it.each<[string, Partial<OldInstance>, boolean, boolean]>([
    ['does not respond', { responds: async () => false }, false, true],
    ['responds', {}, false, false],
    ['is off', { state: async () => 'off' as const, responds: async () => false }, false, false],
    ['does not exist', { state: async () => 'missing' as const, responds: async () => false }, false, false],
    ['was replaced already', { responds: async () => false }, true, false],
  ])('cuts the power of an old one that %s: %#', async (_, old, isThere, isCut) => {
    const scope = scopeOf(cluster, 'primary', true);
    const steps = planNewInstance(scope, nodeNamed(cluster, 'pg-2'), noSession, async () => isThere, instance(old));
    expect(await steps.find(({ title }) => title.startsWith('Force-stop'))?.isNeeded?.()).toBe(isCut);
  });
});
