import {
  drillProgram,
  promoteRegionProgram,
  rebuildRegionProgram,
  regionProgram,
  retireRegionProgram,
  servicesRegionProgram,
} from '@pgha/infra/machines';
import { type Host, type RunOptions, runChecked } from '../hosts/host.ts';
import { reasonIn } from '../hosts/said.ts';
import { asPostgres } from './pgbackrest.ts';

/** What a region's etcd holds of it. */
export interface StoredRegion {
  /** Whether etcd answered; without it nothing else is known. */
  answers: boolean;
  /** Whether the region was ever started. */
  known: boolean;
  standby: boolean;
  epoch: number;
  /** Who holds the leader key. */
  leader?: string | null;
  /** The newest position in the WAL that its leader told of, a number of bytes. */
  position?: number | null;
}

/** What the gate and the watch of a database machine know; moments are seconds since 1970 on that machine's clock. */
export interface RegionKnowledge {
  /** null: it has not looked since the machine was switched on. */
  gate: { open: boolean; reason: string; since: number } | null;
  seen: {
    at: number;
    own: StoredRegion;
    peer: StoredRegion;
    /** The other region when it was last heard of. */
    peerLast: (StoredRegion & { at: number }) | null;
  };
}

/** What was measured while a region was promoted; moments are seconds since 1970 on the promoted machine's clock. */
export interface Promotion {
  epoch: number;
  startedAt: number;
  /** null: it was no standby any more when it was first looked at. */
  received?: {
    receivedLsn: string | null;
    replayedLsn: string | null;
    /** Of the newest transaction it had, on the former primary's clock; RFC 3339. */
    lastCommitAt: string | null;
    beatenAt: string | null;
  };
  /** The former acting region when it was last heard of. */
  peerLast?: (StoredRegion & { at: number }) | null;
  acceptsAt: number;
  committedAt: number;
  timeline: number;
  parent: number;
  forkLsn: string;
}

/** How much was committed in a stretch of WAL. */
export interface Pace {
  /** The heartbeat's are among them. */
  commits: number;
  /** Of tables, inserted, changed or deleted by these commits. */
  rows: number;
  /** From the first of these commits to the last. */
  seconds: number;
}

/** What a member of a failed region holds that the acting region never got. */
export interface LostCommits {
  /** The heartbeat's are among them. */
  commits: number;
  /** Of tables, inserted, changed or deleted by these commits. */
  rows: number;
  bytes: number;
  fromLsn: string;
  toLsn: string;
  firstAt: string | null;
  lastAt: string | null;
}

/** Where an API server's services find the database. */
export interface ServicesRegion {
  region: string;
  /** Until both said that they are ready; null: one does not. */
  readyAfterSeconds: number | null;
}

/** What a drill on one member proved. */
export interface DrillResult {
  passed: boolean;
  problem: string | null;
  machine: string;
  /** How long each part took. */
  seconds: Readonly<Record<string, number>>;
  /** By table; at `lsn`, on the standby and on its copy alike. */
  rows: Readonly<Record<string, number>>;
  lsn: string | null;
  sizeBytes?: number;
}

/** A member's patience with its etcd and the other region's: each of their members is given 2 s. */
const readTimeoutMs = 60_000;
/** Above the programs' own deadlines. */
const promoteTimeoutMs = 300_000;
const retireTimeoutMs = 240_000;
/** A large database over a slow link. */
const restoreTimeoutMs = 12 * 3_600_000;

const program = async <T>(host: Host, argv: readonly string[], options: RunOptions): Promise<T> =>
  JSON.parse(await runChecked(host, argv, options)) as T;

/**
 * What the machine knows of both regions: of its own now, of the other one now or, without asking it, as its watch saw it some
 * seconds ago. A region that is down keeps whoever asks it waiting.
 */
export function readRegions(host: Host, other: 'now' | 'remembered'): Promise<RegionKnowledge> {
  return program(host, asPostgres(regionProgram, other === 'now' ? 'read' : 'show'), { timeoutMs: readTimeoutMs });
}

/** What the machine's own region is now. */
export async function readOwnRegion(host: Host): Promise<StoredRegion> {
  return (await readRegions(host, 'remembered')).seen.own;
}

/** Merges into what Patroni keeps for the machine's region, whether Patroni runs or not; null removes a key. */
export async function configureRegion(host: Host, patch: Readonly<Record<string, unknown>>): Promise<void> {
  await program(host, asPostgres(regionProgram, 'configure'), {
    input: JSON.stringify(patch),
    timeoutMs: readTimeoutMs,
  });
}

/**
 * An operator's word to the gate of this machine, until it is switched off.
 *
 * @throws when the other region acts.
 */
export async function confirmRegion(host: Host): Promise<void> {
  await runChecked(host, asPostgres(regionProgram, 'confirm'), { timeoutMs: readTimeoutMs });
}

/**
 * Promotes the region this standby leads, by merging the configuration. Returns once a commit was acknowledged.
 *
 * @param afterLsn nothing is done before the record there has been replayed; null: with whatever there is.
 * @throws with "does not lead" when another member does.
 */
export function promoteRegion(
  host: Host,
  configuration: Readonly<Record<string, unknown>>,
  afterLsn: string | null,
): Promise<Promotion> {
  const input = JSON.stringify({ configuration, afterLsn });
  return program(host, asPostgres(promoteRegionProgram), { input, timeoutMs: promoteTimeoutMs });
}

/**
 * How much was committed in the newest WAL of the former primary that the promoted machine has.
 *
 * @throws when nothing was promoted there since it was switched on.
 */
export function readPace(host: Host): Promise<Pace> {
  return program(host, asPostgres(promoteRegionProgram, 'pace'), { timeoutMs: readTimeoutMs });
}

/** Ends the primary that this machine runs, with nobody promoted in its place; everything of it has been streamed then. */
export async function retireRegion(host: Host): Promise<{ checkpointLsn: string }> {
  return program(host, asPostgres(retireRegionProgram), { timeoutMs: retireTimeoutMs });
}

/** Lets the region choose a primary again. */
export async function undoRetirement(host: Host): Promise<void> {
  await runChecked(host, asPostgres(retireRegionProgram, '--undo'), { timeoutMs: readTimeoutMs });
}

/**
 * Ends whatever runs on a member of a failed region, and says what it holds alone.
 *
 * @param history what the acting region left each of its earlier timelines with.
 */
export function inspectLost(
  host: Host,
  history: readonly { timeline: number; endLsn: string }[],
): Promise<{ timeline: number | null; lost: LostCommits | null }> {
  return program(host, [rebuildRegionProgram, 'inspect'], {
    input: JSON.stringify({ history }),
    timeoutMs: promoteTimeoutMs,
  });
}

/**
 * Replaces a lost member's data by what the acting region has.
 *
 * @param sources `keepAs` names the old data where there is room to keep it; null: it is not kept.
 * @returns `kept` is that name, if it was kept.
 */
export function restoreLost(
  host: Host,
  sources: { repositories: readonly number[]; upstream: string; keepAs: string | null },
): Promise<{ from: string; kept: string | null }> {
  return program(host, [rebuildRegionProgram, 'restore'], {
    input: JSON.stringify(sources),
    timeoutMs: restoreTimeoutMs,
  });
}

/**
 * Points the services of an API server to a region.
 *
 * @param reconnect restarts them: for when the server they are connected to may still live.
 * @param wait until they are ready there.
 */
export function pointServices(
  host: Host,
  awsRegion: string,
  { reconnect, wait }: { reconnect: boolean; wait: boolean },
): Promise<ServicesRegion> {
  const options = [...(reconnect ? ['--reconnect'] : []), ...(wait ? [] : ['--no-wait'])];
  return program(host, [servicesRegionProgram, 'point', awsRegion, ...options], { timeoutMs: 120_000 });
}

/** Where the services of an API server are pointed. */
export function readServicesRegion(host: Host): Promise<Pick<ServicesRegion, 'region'>> {
  return program(host, [servicesRegionProgram, 'show'], { timeoutMs: readTimeoutMs });
}

const drillUnit = 'pgha-drill.service';

/**
 * Ends a drill whose command was interrupted, and what it made: nobody would be told what it finds, and as long as it is at work no other
 * one can begin.
 */
export async function endDrill(host: Host): Promise<void> {
  const { exitCode, stderr } = await host.run(['systemctl', 'stop', drillUnit], { timeoutMs: 120_000 });
  // 5: there is none
  if (exitCode !== 0 && exitCode !== 5) throw new Error(`${host.name}: cannot stop ${drillUnit}: ${reasonIn(stderr)}`);
}

/** In a unit of its own: it ends and cleans up by itself when nobody waits for it any more. */
export function runDrill(host: Host): Promise<DrillResult> {
  const unit = [
    'systemd-run',
    `--unit=${drillUnit}`,
    '--wait',
    '--pipe',
    '--quiet',
    '--collect',
    '--uid=postgres',
    '--nice=10',
    '--property=RuntimeDirectory=pgha-drill',
    '--property=RuntimeDirectoryMode=0700',
    `--property=ExecStopPost=${drillProgram} clean`,
    '--property=RuntimeMaxSec=6h',
  ];
  return program(host, [...unit, '--', drillProgram, 'run'], { timeoutMs: restoreTimeoutMs });
}
