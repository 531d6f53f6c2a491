import { type Cluster, nodeNamed, type Region, regionOf } from '@pgha/infra/cluster';
import { repositoryProgram, restoreInPlaceProgram } from '@pgha/infra/machines';
import { expect } from 'vitest';
import type { RunOptions, RunResult } from '../../src/hosts/host.ts';
import { createFakeCluster, type FakeCluster, type FakeCommand } from './fake-cluster.ts';

/** What a database machine of the model has on its disk and at work. */
interface RestorableMachine {
  /** `old`: from before the restore; `restored`; `invented`: an empty cluster that nobody asked for. */
  data: 'old' | 'restored' | 'invented' | null;
  gate: { id: string; phase: 'held' | 'permitted' | 'begun' } | null;
  hasMethod: boolean;
  isUp: boolean;
  /** It runs with what it recovered with. */
  isStale: boolean;
  kept: Set<string>;
}

/** A model whose members start as Patroni starts them, the gate of a restore in place included. */
export interface RestorableCluster extends FakeCluster {
  machines: ReadonlyMap<string, RestorableMachine>;
  /** The timeline of each full backup, by repository; the first is of the first timeline. */
  backups: ReadonlyMap<number, number[]>;
  /** What must never happen, and did. */
  disasters: readonly string[];
  /** The next restore breaks off on its machine, and its half stays in etcd. */
  failNextRestore(): void;
  /** Cuts a machine's power and switches it on again. */
  reboot(machine: string): void;
}

const done = (stdout = ''): RunResult => ({ exitCode: 0, stdout, stderr: '' });
const failed = (stderr: string): RunResult => ({ exitCode: 1, stdout: '', stderr });

/** Ten minutes ago: the moment that tests go back to, behind the only backup. */
export const targetMoment = new Date(Date.now() - 600_000);
const leftOut = new Date(targetMoment.getTime() + 4_000).toISOString().replace('T', ' ').replace('Z', '+00');

/** @param more commands of the operation under test; asked before the model's own. */
export function createRestorableCluster(cluster: Cluster, more: FakeCommand = () => null): RestorableCluster {
  const machines = new Map<string, RestorableMachine>();
  const backups = new Map<number, number[]>([
    [1, [1]],
    [2, [1]],
  ]);
  const disasters: string[] = [];
  let failsNext = false;
  /** Timelines that the archive knows. */
  const known = [1];
  const regionState = (region: Region) => world.regions.get(region.kind) ?? expect.fail('no region');
  const membersOfRegion = (region: Region) => regionState(region).members;
  const leaderOf = (region: Region) =>
    [...membersOfRegion(region)].find(([, { role }]) => role === 'leader' || role === 'standby_leader') ?? null;
  const initializeKey = (region: Region) => ({
    stored: regionState(region).etcd.stored,
    key: `/service/${cluster.scope}/initialize`,
  });

  const extra = (name: string, argv: readonly string[], options: RunOptions): RunResult | null => {
    const special = more(name, argv, options);
    if (special !== null) return special;
    const words = argv[0] === 'runuser' ? argv.slice(4) : argv;
    const machine = machines.get(name);
    if (words[0] === restoreInPlaceProgram) return inPlace(name, words.slice(1), options);
    if (words[0] === repositoryProgram) return done(JSON.stringify(archive(Number(words[1]))));
    if (words.includes('info')) return done(JSON.stringify(archive(repositoryIn(words)).info));
    if (words[0] === 'psql') return ask(machine, words.at(-1) ?? '');
    if (words[0] === 'systemctl') return unit(name, words);
    if (words[0] === 'patronictl' && words[3] === 'restart' && machine !== undefined) {
      machine.isStale = false;
      return done();
    }
    if (words[0]?.endsWith('check-repository')) return done();
    return null;
  };
  const world = createFakeCluster(cluster, extra);
  for (const region of [cluster.primary, ...(cluster.dr === null ? [] : [cluster.dr])]) {
    for (const name of membersOfRegion(region).keys()) {
      const kept = new Set<string>();
      machines.set(name, { data: 'old', gate: null, hasMethod: false, isUp: true, isStale: false, kept });
    }
    initializeKey(region).stored.set(initializeKey(region).key, { value: 'x', revision: 1, lease: null });
  }

  const stop = (name: string) => {
    const machine = machines.get(name) ?? expect.fail(name);
    machine.isUp = false;
    membersOfRegion(regionOf(cluster, nodeNamed(cluster, name))).delete(name);
  };

  /** As systemd and Patroni would. */
  const start = (name: string) => {
    const machine = machines.get(name) ?? expect.fail(name);
    const region = regionOf(cluster, nodeNamed(cluster, name));
    const { stored, key } = initializeKey(region);
    if (machine.gate?.phase === 'held') return;
    if (machine.gate?.phase === 'begun' && machine.data !== 'restored') return;
    if (machine.gate?.phase === 'permitted') machine.gate = { ...machine.gate, phase: 'begun' };
    machine.isUp = true;
    machine.isStale = false;
    const leader = leaderOf(region);
    const isStandby = 'standby_cluster' in regionState(region).config;
    if (machine.data === null && !stored.has(key) && !isStandby) {
      machine.data = machine.hasMethod ? 'restored' : 'invented';
      machine.isStale = machine.hasMethod;
      if (!machine.hasMethod) disasters.push(`${name} made an empty cluster`);
      known.push(Math.max(...known) + 1);
    }
    if (machine.data === null) {
      // it waits for a leader to be built from
      if (leader === null && !isStandby) return;
      machine.data = 'restored';
    }
    if (leader === null && machine.data === 'old' && !stored.has(key))
      disasters.push(`${name} leads with the old data`);
    stored.set(key, { value: 'x', revision: 1, lease: null });
    const role = leader !== null ? 'replica' : isStandby ? 'standby_leader' : 'leader';
    const timeline = Math.max(...known);
    membersOfRegion(region).set(name, { role, state: role === 'leader' ? 'running' : 'streaming', timeline });
  };

  const inPlace = (name: string, [verb, id = '']: readonly string[], { input = '' }: RunOptions): RunResult => {
    const machine = machines.get(name) ?? expect.fail(name);
    const { gate, kept } = machine;
    if (verb === 'state') return done(JSON.stringify(stateOf(machine)));
    if (verb === 'hold') {
      if (gate !== null && gate.id !== id) return failed(`held for ${gate.id}`);
      machine.gate ??= { id, phase: 'held' };
    } else if (verb === 'stop') stop(name);
    else if (verb === 'aside') {
      if (gate?.id !== id || machine.isUp) return failed('not held, or up');
      if (!kept.has(id)) machine.data = null;
      kept.add(id);
    } else if (verb === 'begin') {
      if (gate?.id !== id || !kept.has(id)) return failed('not held, or nothing is aside');
      expect(JSON.parse(input)).toMatchObject({ type: 'time', timeline: 1 });
      stop(name);
      Object.assign(machine, { data: null, hasMethod: true, gate: { id, phase: 'permitted' } });
      if (failsNext) {
        failsNext = false;
        machine.gate = { id, phase: 'begun' };
        const { stored, key } = initializeKey(regionOf(cluster, nodeNamed(cluster, name)));
        stored.set(key, { value: '', revision: 1, lease: null });
      } else start(name);
    } else if (verb === 'release') {
      Object.assign(machine, { gate: null, hasMethod: false });
      if (!machine.isUp) start(name);
    } else return failed(`the model does not know ${verb}`);
    return done();
  };

  const unit = (name: string, words: readonly string[]): RunResult => {
    const [, type, repository] = /pgha-backup@(\w+)-(\d)[.]service$/.exec(words.at(-1) ?? '') ?? [];
    if (words[1] === 'show') return done('inactive\n');
    if (type === undefined || repository === undefined) return failed(`the model does not know ${words.join(' ')}`);
    const { timeline } = membersOfRegion(regionOf(cluster, nodeNamed(cluster, name))).get(name) ?? { timeline: 0 };
    backups.get(Number(repository))?.push(timeline);
    return done();
  };

  const archive = (key: number) => ({
    at: Date.now() / 1_000,
    histories: known.slice(1).map((timeline) => ({ timeline, storedAt: Date.now() / 1_000, text: history() })),
    info: [
      {
        status: { lock: { backup: { held: false } } },
        repo: [{ key, status: { code: 0, message: 'ok' } }],
        archive: [{ max: 'F'.repeat(24), database: { 'repo-key': key } }],
        backup: (backups.get(key) ?? []).map((timeline, index) => backupInfo(key, timeline, index)),
      },
    ],
  });

  return Object.assign(world, {
    machines,
    backups,
    disasters,
    failNextRestore: () => {
      failsNext = true;
    },
    reboot: (name: string) => {
      stop(name);
      start(name);
    },
  });
}

const history = () => `1\t0/5000000\tbefore ${leftOut}\n`;

function backupInfo(key: number, timeline: number, index: number) {
  const segment = `${timeline}`.padStart(8, '0').padEnd(24, '0');
  const stop = index === 0 ? targetMoment.getTime() / 1_000 - 3_600 : Date.now() / 1_000;
  return {
    label: `2026010${index}-000000F`,
    type: 'full',
    timestamp: { start: stop, stop },
    archive: { start: segment, stop: segment },
    lsn: { start: '0/1000000', stop: '0/2000000' },
    error: false,
    database: { 'repo-key': key },
    info: { size: 1_000, repository: { delta: 100 } },
  };
}

function stateOf({ gate, isUp, hasMethod, kept }: RestorableMachine) {
  return {
    gate,
    patroni: isUp ? 'active' : 'inactive',
    isPostgresUp: isUp,
    hasMethod,
    tablespaces: [],
    kept: [...kept].map((id) => ({ id, sizeBytes: 1, createdAt: 1 })),
    percent: null,
    lastLine: null,
    dataBytes: 1_000,
    sizeBytes: 100_000,
    freeBytes: 90_000,
    usableBytes: 80_000,
  };
}

/** PostgreSQL's answers. */
function ask(machine: RestorableMachine | undefined, option: string): RunResult {
  const statement = option.replace('--command=', '');
  if (machine?.isUp !== true) return failed('no server');
  if (statement.includes('heartbeat')) return done(`${Date.now() / 1_000}\n`);
  if (statement.includes('pg_switch_wal')) return done('000000010000000000000005\n');
  if (statement.includes('pg_read_file')) return done(`${history()}\n`);
  if (statement.includes('pg_file_settings')) return done('\n');
  if (statement.includes('pg_settings')) return done(machine.isStale ? '1\n' : '0\n');
  if (statement === 'show synchronous_standby_names') return done('ANY 1 (*)\n');
  if (statement === 'show archive_mode') return done('on\n');
  return failed(`the model does not know ${statement}`);
}

const repositoryIn = (words: readonly string[]) =>
  Number(words.find((word) => word.startsWith('--repo='))?.replace('--repo=', ''));
