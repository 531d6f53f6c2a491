import { GetBucketPolicyCommand, type S3Client } from '@aws-sdk/client-s3';
import { type Cluster, membersOf, nodesOf, type Region, regionsOf } from '@pgha/infra/cluster';
import { awsSite, observeProgram } from '@pgha/infra/machines';
import { createFakeHost, type FakeHost } from '../../src/hosts/fake.ts';
import { HostUnreachableError, type RunOptions, type RunResult } from '../../src/hosts/host.ts';
import type { Installation } from '../../src/installation/installation.ts';
import { inMemoryStore, mirroredStore, type SecretStore, type StoredSecret } from '../../src/secrets/index.ts';
import { createFakeEtcd } from './fake-etcd.ts';

/** A member of the model. */
interface FakeMember {
  role: 'leader' | 'standby_leader' | 'replica' | 'quorum_standby';
  state: string;
  timeline: number;
}

/** One region of the model. */
export interface FakeRegion {
  members: Map<string, FakeMember>;
  /** What Patroni keeps for all of them. */
  config: Record<string, unknown>;
  etcd: ReturnType<typeof createFakeEtcd>;
}

/** What a test adds to the model: null leaves the command to the others. */
export type FakeCommand = (machine: string, argv: readonly string[], options: RunOptions) => RunResult | null;

/** A whole cluster in memory: Patroni's and etcd's commands change a model that a test can look at. */
export interface FakeCluster {
  installation: Installation;
  regions: ReadonlyMap<Region['kind'], FakeRegion>;
  /** Machines that cannot be entered. */
  off: Set<string>;
  /** The policy of each bucket that has one. */
  policies: Map<string, string>;
  /** What each region's Parameter Store holds. */
  stored: ReadonlyMap<Region['kind'], Map<string, StoredSecret>>;
  /** Every command on any machine, every value that was stored, and every call of AWS's that changes something, in order. */
  commands: readonly string[];
  /** The numbers of those that only looked: whoever is killed behind one leaves what he would have left before it. */
  looks: Set<number>;
  /** From the command after so many on, the operator's process is dead: whatever it asks fails and does nothing. */
  killAfter(commands: number): void;
  /** Whether it has asked for anything since. */
  wasKilled(): boolean;
  /** The operator starts the command again, once the locks of the killed one have expired. */
  revive(): void;
}

export const done = (stdout = ''): RunResult => ({ exitCode: 0, stdout, stderr: '' });
export const failed = (stderr: string, exitCode = 1): RunResult => ({ exitCode, stdout: '', stderr });

/**
 * @param extra commands of the operation under test; asked before the model's own.
 * @param look called after everything that changed something: what has to hold at any moment is checked there.
 */
export function createFakeCluster(
  cluster: Cluster,
  extra: FakeCommand = () => null,
  look: () => void = () => {},
): FakeCluster {
  const regions = new Map(regionsOf(cluster).map((region) => [region.kind, startRegion(region)]));
  const off = new Set<string>();
  const policies = new Map<string, string>();
  const commands: string[] = [];
  const looks = new Set<number>();
  let budget = Number.POSITIVE_INFINITY;
  let isDead = false;
  let stopped = new AbortController();
  const count = (machine: string, what: string) => {
    if (commands.length >= budget) {
      isDead = true;
      stopped.abort(new Error('killed'));
      throw new Error(`killed before "${what}" on ${machine}`);
    }
    commands.push(`${machine}: ${what}`);
  };
  const stored = new Map(regionsOf(cluster).map(({ kind }) => [kind, new Map<string, StoredSecret>()] as const));
  const countedStore = ({ kind, awsRegion }: Region): SecretStore => {
    const store = inMemoryStore(new Map(), awsRegion, stored.get(kind));
    const counted =
      <T>(verb: string, work: (name: string, value: string) => Promise<T>) =>
      async (name: string, value: string) => {
        count(awsRegion, `${verb} ${name}`);
        const result = await work(name, value);
        look();
        return result;
      };
    return { ...store, create: counted('create', store.create), replace: counted('replace', store.replace) };
  };
  const hosts = new Map<string, FakeHost>();
  for (const region of regionsOf(cluster)) {
    for (const { name } of region.nodes) {
      const state = regions.get(region.kind) ?? startRegion(region);
      hosts.set(
        name,
        createFakeHost(name, (argv, options) => {
          count(name, argv.join(' '));
          if (off.has(name)) throw new HostUnreachableError(`${name} is off`);
          if ((argv[0] === 'patronictl' && argv.includes('list')) || argv[0] === observeProgram)
            looks.add(commands.length - 1);
          const result = extra(name, argv, options) ?? answer(state, argv, options);
          look();
          return result;
        }),
      );
    }
  }
  const installation: Installation = {
    kind: 'lab',
    cluster,
    operator: 'tester',
    get signal() {
      return stopped.signal;
    },
    host: ({ name }) => hosts.get(name) ?? fail(`no machine ${name}`),
    tunnel: () => fail('the model has no load balancer'),
    addressOf: async ({ address }) => address,
    site: (region) => awsSite(cluster, region, '123456789012'),
    secrets: ([first, ...others]) => mirroredStore([countedStore(first), ...others.map(countedStore)]),
    s3: () => bucketPolicies(policies, (bucket) => count(bucket, 'policy')),
    power: {
      state: async ({ name }) => (off.has(name) ? 'off' : 'running'),
      reboot: async () => undefined,
      cut: async ({ name }) => {
        count(name, 'power cut');
        off.add(name);
      },
      start: async ({ name }) => {
        count(name, 'power on');
        off.delete(name);
      },
    },
  };
  return {
    installation,
    regions,
    off,
    policies,
    stored,
    commands,
    looks,
    killAfter: (count) => {
      budget = commands.length + count;
    },
    wasKilled: () => isDead,
    revive: () => {
      budget = Number.POSITIVE_INFINITY;
      isDead = false;
      stopped = new AbortController();
      for (const { etcd } of regions.values()) etcd.endLeases();
    },
  };
}

/** S3 as far as the policies of its buckets. */
function bucketPolicies(policies: Map<string, string>, change: (bucket: string) => void): S3Client {
  const send = async (command: { constructor: unknown; input: { Bucket: string; Policy?: string } }) => {
    const { Bucket: bucket, Policy: policy } = command.input;
    if (command.constructor === GetBucketPolicyCommand) {
      const there = policies.get(bucket);
      if (there === undefined) throw Object.assign(new Error('none'), { name: 'NoSuchBucketPolicy' });
      return { Policy: there };
    }
    change(bucket);
    if (policy === undefined) policies.delete(bucket);
    else policies.set(bucket, policy);
    return {};
  };
  return { send } as unknown as S3Client;
}

function startRegion(region: Region): FakeRegion {
  const leading = region.kind === 'primary' ? 'leader' : 'standby_leader';
  const members = membersOf(region).map(({ name }, index): [string, FakeMember] => {
    const role = index === 0 ? leading : region.kind === 'primary' ? 'quorum_standby' : 'replica';
    return [name, { role, state: role === 'leader' ? 'running' : 'streaming', timeline: 1 }];
  });
  const config = region.kind === 'primary' ? {} : { standby_cluster: { host: 'elsewhere' } };
  return { members: new Map(members), config, etcd: createFakeEtcd(nodesOf(region, 'etcd')) };
}

/** What the machines' own programs do to the model. */
function answer(
  { members, config, etcd }: FakeRegion,
  argv: readonly string[],
  { input = '' }: RunOptions,
): RunResult | null {
  const [command, ...rest] = argv;
  if (command === 'pgha-etcdctl' && rest[0] === 'get' && /^\/service\/[^/]+\/config$/.test(rest[1] ?? '')) {
    const value = Buffer.from(JSON.stringify(config)).toString('base64');
    return done(JSON.stringify({ kvs: [{ value, mod_revision: 1 }] }));
  }
  if (command === 'pgha-etcdctl') return etcd.run(rest, input);
  if (command === 'logger') return done();
  // whatever an operation asks of a machine's units goes well
  if (command === 'systemctl') return done(argv.includes('is-active') ? 'active\n' : '');
  if (command === 'runuser') return done(argv.includes('hold') ? '{"state":"paused","timeline":1}' : '');
  if (command !== 'patronictl') return null;
  const verb = rest[2];
  if (verb === 'list') return done(JSON.stringify([...members].map(([name, member]) => listed(name, member))));
  if (verb === 'switchover') return switchOver(members, argv);
  if (verb === 'failover') return failOver(members, argv);
  if (verb === 'restart' || verb === 'reinit') return members.has(rest[4] ?? '') ? done() : failed('no such member');
  if (verb === 'edit-config') {
    for (const [key, value] of Object.entries(JSON.parse(input) as Record<string, unknown>)) {
      if (value === null) delete config[key];
      else config[key] = value;
    }
    return done();
  }
  return failed(`the model does not know patronictl ${verb}`);
}

function switchOver(members: Map<string, FakeMember>, argv: readonly string[]): RunResult {
  const [from, to] = ['--leader', '--candidate'].map((option) => argv[argv.indexOf(option) + 1] ?? '');
  const [before, after] = [members.get(from ?? ''), members.get(to ?? '')];
  if (before?.role !== 'leader' || after === undefined) return failed(`Error: ${from} is not the leader`);
  const timeline = before.timeline + 1;
  for (const member of members.values())
    Object.assign(member, { role: 'quorum_standby', state: 'streaming', timeline });
  Object.assign(after, { role: 'leader', state: 'running' });
  return done();
}

function failOver(members: Map<string, FakeMember>, argv: readonly string[]): RunResult {
  const to = argv[argv.indexOf('--candidate') + 1] ?? '';
  const after = members.get(to);
  if (after === undefined) return failed(`Error: Member ${to} does not exist in cluster`);
  const timeline = after.timeline + 1;
  for (const member of members.values()) Object.assign(member, { role: 'replica', timeline });
  Object.assign(after, { role: 'leader', state: 'running' });
  return done();
}

function listed(name: string, { role, state, timeline }: FakeMember) {
  const Role = role
    .split('_')
    .map((word) => word[0]?.toUpperCase() + word.slice(1))
    .join(' ');
  return { Member: name, Role, State: state, TL: timeline, 'Lag in MB': role === 'leader' ? '' : 0 };
}

function fail(message: string): never {
  throw new Error(message);
}
