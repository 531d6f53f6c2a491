import { type Cluster, membersOf, peerOf, type Region } from '@pgha/infra/cluster';
import { type ListedMember, listMembers } from '../../clients/patronictl.ts';
import { type RegionKnowledge, readRegions, type StoredRegion } from '../../clients/region.ts';
import { RefusedError, UsageError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { findWriters, type Writer } from '../writers.ts';
import { within } from './deadline.ts';

/** A region as its own machines tell of it. */
export interface RegionSight {
  region: Region;
  /** As its etcd has them; null: no machine of it could be asked. */
  members: readonly ListedMember[] | null;
  /** What the gate and the watch of each member know; those that are unreachable are missing. */
  knowledge: ReadonlyMap<string, RegionKnowledge>;
  /** Members that accept writes in their own words, whatever etcd has. */
  writers: readonly Writer[];
  /** Why a member could not be asked. */
  problems: ReadonlyMap<string, string>;
}

/** Carries out steps: the command line shows them meanwhile. */
export type Perform = (steps: readonly Step[]) => Promise<void>;

/** Both regions. */
export interface DrView {
  primary: RegionSight;
  dr: RegionSight;
}

/** What a region is to the other one, from everybody who knows. */
export interface RegionFacts {
  role: 'acting' | 'standby' | 'unknown';
  epoch: number | null;
  /** Whether a member of it accepts writes or leads, as its own machines or the other region's saw within the last seconds. */
  leads: boolean;
}

/** A region's role as messages spell it. */
export const roleText = ({ role }: Pick<RegionFacts, 'role'>): string => (role === 'acting' ? 'active' : role);

/** Run Command's round trip on a busy machine; one that asks the other region has that region's deadlines to wait for too. */
const entryTimeoutMs = { remembered: 30_000, now: 60_000 };
/** Above a round of the watch, its deadlines, and the time a leader key outlives its holder. */
const freshSeconds = 30;

/** @throws UsageError where there is one region. */
export function secondRegionOf({ dr }: Cluster): Region {
  if (dr === null) throw new UsageError('this cluster has no DR region ("dr" in the configuration is null)');
  return dr;
}

/** The region of this name. */
export function regionNamed(cluster: Cluster, name: string): Region {
  const regions = [cluster.primary, secondRegionOf(cluster)];
  const region = regions.find(({ awsRegion, kind }) => awsRegion === name || kind === name);
  if (region === undefined)
    throw new UsageError(`unknown region "${name}". Regions: ${regions.map(({ awsRegion }) => awsRegion).join(', ')}`);
  return region;
}

export function otherRegion(cluster: Cluster, region: Region): Region {
  return peerOf(cluster, region) ?? secondRegionOf(cluster);
}

const sightOf = (view: DrView, { kind }: Region): RegionSight => view[kind];

/**
 * Asks every member of both regions at once.
 *
 * @param other whether each of them asks the other region too, which takes seconds when that is lost, or tells what its watch saw
 *   last.
 */
export async function viewDr(
  installation: Pick<Installation, 'cluster' | 'host'>,
  other: 'now' | 'remembered' = 'now',
): Promise<DrView> {
  const { primary } = installation.cluster;
  const dr = secondRegionOf(installation.cluster);
  const [first, second] = await Promise.all([primary, dr].map((region) => viewSide(installation, region, other)));
  if (first === undefined || second === undefined) throw new Error('two regions make two views');
  return { primary: first, dr: second };
}

async function viewSide(
  installation: Pick<Installation, 'host'>,
  region: Region,
  other: 'now' | 'remembered',
): Promise<RegionSight> {
  const writing = within(findWriters(installation, [region]), entryTimeoutMs[other], 'no response').catch(() => []);
  const knowledge = new Map<string, RegionKnowledge>();
  const problems = new Map<string, string>();
  const hosts = membersOf(region).map((node) => installation.host(node));
  const inTime = <T>(host: Host, asked: Promise<T>) =>
    within(asked, entryTimeoutMs[other], `${host.name} did not respond`);
  const listed = Promise.any(hosts.map((host) => inTime(host, listMembers(host)))).catch(() => null);
  await Promise.all(
    hosts.map(async (host) => {
      try {
        knowledge.set(host.name, await inTime(host, readRegions(host, other)));
      } catch (error) {
        problems.set(host.name, (error as Error).message);
      }
    }),
  );
  return { region, members: await listed, knowledge, writers: await writing, problems };
}

/** What a region is, from its own machines or, when they are silent, from what the other region's saw of it. Pure. */
export function factsOf(view: DrView, region: Region): RegionFacts {
  const own = [...sightOf(view, region).knowledge.values()].map(({ seen }) => ({ at: seen.at, stored: seen.own }));
  const other = view[region.kind === 'primary' ? 'dr' : 'primary'];
  const seenByOther = [...other.knowledge.values()].flatMap(({ seen }) =>
    seen.peerLast ? [{ at: seen.peerLast.at, now: seen.at, stored: seen.peerLast as StoredRegion }] : [],
  );
  const answering = newest(own.filter(({ stored }) => stored.answers)) ?? newest(seenByOther);
  const { members, writers } = sightOf(view, region);
  const isLed = writers.length > 0 || members?.some(({ isLeader, state }) => isLeader && state !== 'stopped') === true;
  const wasLed = seenByOther.some(
    ({ at, now, stored }) => now - at < freshSeconds && typeof stored.leader === 'string',
  );
  if (answering === undefined || !answering.stored.known)
    return { role: 'unknown', epoch: null, leads: isLed || wasLed };
  const { standby, epoch } = answering.stored;
  return { role: standby ? 'standby' : 'acting', epoch, leads: isLed || wasLed };
}

const newest = <T extends { at: number }>(list: readonly T[]): T | undefined => list.toSorted((a, b) => b.at - a.at)[0];

/**
 * The region that is a standby.
 *
 * @throws RefusedError when none is.
 */
export function standbyOf(view: DrView): Region {
  const regions = [view.primary.region, view.dr.region];
  const standby = regions.find((region) => factsOf(view, region).role === 'standby');
  if (standby !== undefined) return standby;
  const seen = regions.map((region) => `${region.awsRegion} is ${roleText(factsOf(view, region))}`).join(', ');
  throw new RefusedError(`there is no standby region: ${seen}. "pgha dr status" shows both regions`);
}

/** The epoch that a promotion raises to: above everything that was heard of either region. */
export function nextEpoch(view: DrView): number {
  const known = [view.primary.region, view.dr.region].map((region) => factsOf(view, region).epoch ?? 1);
  return Math.max(...known) + 1;
}

/**
 * How far a region is behind the other one, in bytes of WAL, as its watch saw both at one moment some seconds ago; null when it
 * could not see both.
 */
export function lagBytesOf(view: DrView, standby: Region): number | null {
  const seen = newest([...sightOf(view, standby).knowledge.values()].map(({ seen: each }) => each));
  const [own, peer] = [seen?.own.position, seen?.peer.position];
  return typeof own !== 'number' || typeof peer !== 'number' ? null : Math.max(0, peer - own);
}

/** The members' hosts that could be asked. */
export function enterableHosts(installation: Pick<Installation, 'host'>, sight: RegionSight): readonly Host[] {
  return membersOf(sight.region)
    .filter(({ name }) => sight.knowledge.has(name))
    .map((node) => installation.host(node));
}
