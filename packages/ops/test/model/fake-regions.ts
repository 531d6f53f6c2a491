import { type Cluster, membersOf, type Region, regionOf } from '@pgha/infra/cluster';
import {
  drillProgram,
  epochKey,
  fullBackupKey,
  promoteRegionProgram,
  rebuildRegionProgram,
  regionProgram,
  retireRegionProgram,
  servicesRegionProgram,
} from '@pgha/infra/machines';
import type { RunOptions, RunResult } from '../../src/hosts/host.ts';
import { createFakeCluster, done, type FakeCluster, type FakeRegion, failed } from './fake-cluster.ts';

type Kind = Region['kind'];

/** Two regions whose machines know what the second region's programs do. */
export interface FakeRegions extends FakeCluster {
  /** How far each region's data reaches; the acting one's grows with every look at it. */
  positions: Record<Kind, number>;
  /** Where each API server is pointed. */
  services: Map<string, string>;
  /** Repositories that a full backup was begun into. */
  backups: Set<number>;
  /** Names of old data that was kept, with the member that has it. */
  kept: Set<string>;
  /** Members whose data was replaced. */
  rebuilt: Set<string>;
  /** Both regions had a primary at the same moment. */
  wasSplit: boolean;
  /** Whether the acting region's stop reaches the standby. */
  isLinked: boolean;
  /** Machines whose gate has an operator's word. */
  confirmed: Set<string>;
  /** Where a drill is at work; systemd has one unit of a name. */
  drilling: Set<string>;
  /** How often a copy was made and promoted. */
  drills: number;
  /** After a promotion the promoted region's etcd answers nobody so many times. */
  silentAfterPromotion: number;
}

/** A world before anything happened: the first region acts, the second one streams. */
export function createFakeRegions(cluster: Cluster): FakeRegions {
  const world: FakeRegions = Object.assign(
    createFakeCluster(cluster, (machine, argv, options) => {
      const result = answer(world, cluster, machine, argv, options);
      if (regionsWithPrimary(world) > 1) world.wasSplit = true;
      return result;
    }),
    {
      positions: { primary: 100, dr: 100 },
      services: new Map<string, string>(),
      backups: new Set<number>(),
      confirmed: new Set<string>(),
      drilling: new Set<string>(),
      drills: 0,
      kept: new Set<string>(),
      rebuilt: new Set<string>(),
      wasSplit: false,
      isLinked: true,
      silentAfterPromotion: 0,
    },
  );
  return world;
}

function regionsWithPrimary({ regions, off }: FakeRegions): number {
  return [...regions.values()].filter(({ members }) =>
    [...members].some(([name, { role, state }]) => role === 'leader' && state === 'running' && !off.has(name)),
  ).length;
}

const other = (kind: Kind): Kind => (kind === 'primary' ? 'dr' : 'primary');
const regionIn = (world: FakeRegions, kind: Kind): FakeRegion => {
  const region = world.regions.get(kind);
  if (region === undefined) throw new Error(`the model has no ${kind}`);
  return region;
};

function answer(
  world: FakeRegions,
  cluster: Cluster,
  machine: string,
  argv: readonly string[],
  { input = '' }: RunOptions,
): RunResult | null {
  const node = [cluster.primary, cluster.dr].flatMap((each) => each?.nodes ?? []).find(({ name }) => name === machine);
  if (node === undefined) return null;
  const region = regionOf(cluster, node);
  // a machine that was switched off is no member until its Patroni is started again
  for (const { members } of world.regions.values()) for (const name of world.off) members.delete(name);
  const [program = '', verb = '', what = ''] = argv[0] === 'runuser' ? argv.slice(4) : argv;
  switch (program) {
    case regionProgram:
      if (verb === 'confirm') {
        world.confirmed.add(machine);
        return done();
      }
      return regionVerb(world, region, verb, input);
    case retireRegionProgram:
      return retire(world, region.kind, machine, verb === '--undo');
    case promoteRegionProgram:
      if (verb === 'pace') return done(JSON.stringify({ commits: 11, rows: 21, seconds: 10 }));
      return promote(world, region.kind, machine, JSON.parse(input) as PromoteRequest);
    case rebuildRegionProgram:
      return rebuild(world, region.kind, machine, verb, input);
    case servicesRegionProgram:
      if (verb === 'point') world.services.set(machine, what);
      return done(
        JSON.stringify({ region: world.services.get(machine) ?? cluster.primary.awsRegion, readyAfterSeconds: 1 }),
      );
    case 'timeout':
      return done(describeRepository(world, region.kind, Number(/--repo=(\d)/.exec(argv.join(' '))?.[1])));
    case 'systemd-run':
      if (argv.includes(drillProgram)) return drill(world, machine);
      return null;
    case 'systemctl':
      if (verb === 'stop' && what === 'pgha-drill.service')
        return world.drilling.delete(machine) ? done() : failed('', 5);
      if (verb === 'start' && argv.at(-1)?.startsWith('pgha-backup@ensure-')) ensureBackup(world, region.kind, argv);
      if (verb === 'start' && what === 'patroni.service') startPatroni(world, region, machine);
      return done('inactive');
    case 'patronictl':
      return argv.includes('history') ? done('[]') : null;
    default:
      return null;
  }
}

function drill(world: FakeRegions, machine: string): RunResult {
  if (world.drilling.has(machine)) return failed('Unit pgha-drill.service was already loaded');
  world.drills += 1;
  return done(JSON.stringify({ passed: true, problem: null, machine, seconds: {}, rows: {}, lsn: '0/1' }));
}

function regionVerb(world: FakeRegions, { kind }: Region, verb: string, input: string): RunResult {
  const own = regionIn(world, kind);
  const described = (of: Kind) => {
    const { config, members } = regionIn(world, of);
    const leader = [...members].find(([, { role }]) => role === 'leader' || role === 'standby_leader')?.[0] ?? null;
    const epoch = (config[epochKey] as number | undefined) ?? 1;
    const standby = config['standby_cluster'] !== undefined;
    return { answers: true, known: true, standby, epoch, leader, position: world.positions[of] };
  };
  if (verb === 'configure') {
    merge(own.config, JSON.parse(input) as Record<string, unknown>);
    settle(world, kind);
    return done(JSON.stringify(described(kind)));
  }
  const at = Date.now() / 1_000;
  const isSilent = !own.config['standby_cluster'] && kind === 'dr' && world.silentAfterPromotion > 0;
  if (isSilent) world.silentAfterPromotion -= 1;
  const unheard = { answers: false, known: false, standby: false, epoch: 0 };
  const seen = {
    at,
    own: isSilent ? unheard : described(kind),
    peer: described(other(kind)),
    peerLast: { ...described(other(kind)), at },
  };
  return done(JSON.stringify({ gate: { open: true, reason: '', since: at }, seen }));
}

/** As Patroni merges (patroni.utils.patch_config). */
function merge(config: Record<string, unknown>, patch: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(patch)) {
    const own = config[key];
    if (value === null) delete config[key];
    else if (isObject(value) && isObject(own)) merge(own, value);
    else config[key] = structuredClone(value);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What Patroni makes of a changed configuration: the members of a standby region follow the acting one. */
function settle(world: FakeRegions, kind: Kind): void {
  const { config, members } = regionIn(world, kind);
  if (config['standby_cluster'] === undefined || config['pause'] === true) return;
  const [first] = members.keys();
  for (const [name, member] of members) {
    Object.assign(member, { role: name === first ? 'standby_leader' : 'replica', state: 'streaming' });
  }
  // a part of the acting region's data follows; data of its own would not
  if (world.positions[kind] <= world.positions[other(kind)]) world.positions[kind] = world.positions[other(kind)];
}

function retire(world: FakeRegions, kind: Kind, machine: string, undo: boolean): RunResult {
  const { config, members } = regionIn(world, kind);
  const member = members.get(machine);
  if (member === undefined) return failed(`${machine} is no member`);
  if (undo) {
    delete config['pause'];
    Object.assign(member, { role: 'leader', state: 'running' });
    return done();
  }
  config['pause'] = true;
  if (member.state === 'running') {
    world.positions[kind] += 1;
    Object.assign(member, { role: 'replica', state: 'stopped' });
    if (world.isLinked) world.positions[other(kind)] = world.positions[kind];
  }
  return done(JSON.stringify({ checkpointLsn: `0/${(world.positions[kind] - 1).toString(16)}` }));
}

interface PromoteRequest {
  configuration: Record<string, unknown>;
  afterLsn: string | null;
}

function promote(world: FakeRegions, kind: Kind, machine: string, request: PromoteRequest): RunResult {
  const { config, members } = regionIn(world, kind);
  const member = members.get(machine);
  if (member?.role !== 'standby_leader' && member?.role !== 'leader')
    return failed(`${machine} is not the leader of its region`);
  const wanted = request.afterLsn === null ? 0 : Number.parseInt(request.afterLsn.slice(2), 16);
  if (member.role === 'standby_leader' && world.positions[kind] <= wanted) return failed('it has not arrived');
  merge(config, request.configuration);
  if (member.role === 'standby_leader') {
    for (const each of members.values()) Object.assign(each, { role: 'quorum_standby', timeline: each.timeline + 1 });
    Object.assign(member, { role: 'leader', state: 'running' });
  }
  world.positions[kind] += 1;
  return done(
    JSON.stringify({ epoch: config[epochKey], startedAt: 0, acceptsAt: 1, committedAt: 2, timeline: member.timeline }),
  );
}

function rebuild(world: FakeRegions, kind: Kind, machine: string, verb: string, input: string): RunResult {
  const { members, config } = regionIn(world, kind);
  members.delete(machine);
  if (verb === 'inspect') {
    const lost = config['standby_cluster'] === undefined ? { commits: 3, rows: 4, bytes: 300 } : null;
    return done(JSON.stringify({ timeline: 1, lost }));
  }
  world.positions[kind] = world.positions[other(kind)];
  world.rebuilt.add(machine);
  const { keepAs } = JSON.parse(input) as { keepAs: string | null };
  if (keepAs !== null) world.kept.add(`${keepAs} on ${machine}`);
  return done(JSON.stringify({ from: 'repository 2', kept: keepAs }));
}

/** The machines' own program: it takes what the region's configuration asks for. */
function ensureBackup(world: FakeRegions, kind: Kind, argv: readonly string[]): void {
  const wanted = regionIn(world, kind).config[fullBackupKey] as { repository: number } | undefined;
  const repository = Number(/ensure-(\d)/.exec(argv.at(-1) ?? '')?.[1]);
  if (wanted?.repository === repository) world.backups.add(repository);
}

/** As pgBackRest tells it: every repository has a full backup of the first timeline. */
function describeRepository(world: FakeRegions, kind: Kind, key: number): string {
  const now = Date.now() / 1_000;
  const timeline = Math.max(...[...regionIn(world, kind).members.values()].map((member) => member.timeline));
  const backup = [1, ...(world.backups.has(key) ? [timeline] : [])].map((of) => ({
    label: `full of ${of}`,
    type: 'full',
    timestamp: { start: now, stop: now },
    archive: { start: `${of}`.padStart(8, '0') + '0'.repeat(16), stop: null },
    lsn: {},
    error: null,
    database: { 'repo-key': key },
    info: { size: 1, repository: { delta: 1 } },
  }));
  const status = { code: 0, message: 'ok', lock: { backup: { held: false } } };
  return JSON.stringify([{ status, repo: [{ key, status }], archive: [], backup }]);
}

function startPatroni(world: FakeRegions, region: Region, machine: string): void {
  const { config, members } = regionIn(world, region.kind);
  // the gate: a region that was given up stays closed
  if (config['standby_cluster'] === undefined) return;
  members.set(machine, { role: 'replica', state: 'streaming', timeline: 2 });
  const order = membersOf(region).map(({ name }) => name);
  const sorted = [...members].toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  members.clear();
  for (const [name, member] of sorted) members.set(name, member);
  settle(world, region.kind);
}
