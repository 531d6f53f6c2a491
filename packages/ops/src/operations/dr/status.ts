import { parseLsn } from '@pgha/db';
import { membersOf, type Node, nodesOf, type Region, regionsOf } from '@pgha/infra/cluster';
import { standbySlotOf } from '@pgha/infra/machines';
import { etcdOn } from '../../clients/etcd.ts';
import { type Observation, observe, toldOf } from '../../clients/observation.ts';
import { readServicesRegion } from '../../clients/region.ts';
import { hostsOf, type Installation } from '../../installation/installation.ts';
import type { Finding } from '../status/finding.ts';
import { type GradedFinding, grade } from '../status/severity.ts';
import { thresholdOf } from '../status/thresholds.ts';
import { type DrillRecord, readDrill } from './drill-record.ts';
import { type Fence, readFence } from './fence.ts';
import { type DrView, factsOf, otherRegion, type RegionFacts, viewDr } from './view.ts';

/** Both regions at a moment, as `pgha dr status` tells it. Moments are RFC 3339, sizes bytes; null is "not known". */
export interface DrStatus {
  at: string;
  acting: string | null;
  regions: readonly DrRegionStatus[];
  /** The standby behind the acting region. */
  lag: { bytes: number | null; seconds: number | null };
  /** How the acting region keeps WAL for the standby. */
  slot: { name: string; active: boolean; walStatus: string | null; keptBytes: number | null } | null;
  services: readonly { server: string; region: string | null }[];
  drill: DrillRecord | null;
  findings: readonly GradedFinding[];
}

interface DrRegionStatus extends RegionFacts {
  region: string;
  /** The member that leads. */
  leader: string | null;
  members: readonly { name: string; role: string | null; state: string | null; gate: string }[];
  /** Members that are off for certain, and whether the other region's bucket refuses what it archives. */
  off: readonly string[];
  isShutOut: boolean;
}

/** Everything that was seen for it. */
export interface DrObservation {
  at: Date;
  view: DrView;
  fences: ReadonlyMap<Region['kind'], Fence>;
  /** The members that lead, by name; those that do not answer are missing. */
  leaders: ReadonlyMap<string, Observation>;
  /** Where each API server that is reachable is pointed. */
  services: ReadonlyMap<string, string>;
  drill: DrillRecord | null;
}

/** A drill proves what it proves for a quarter: people, sizes and machines have changed by then. */
const drillMaxAgeDays = 90;
/** Above some rounds of the watch. */
const silenceSeconds = 60;

/** Looks at both regions; nothing is changed, and who does not answer is told of as missing. */
export async function observeDr(installation: Installation): Promise<DrObservation> {
  const regions = regionsOf(installation.cluster);
  const [view, fences, services, drills] = await Promise.all([
    viewDr(installation),
    Promise.all(regions.map(async (region) => [region.kind, await readFence(installation, region)] as const)),
    answersOf(
      regions.flatMap((region) => nodesOf(region, 'api')),
      async (node) => (await readServicesRegion(installation.host(node))).region,
    ),
    Promise.all(regions.map((region) => readDrill(etcdOn(hostsOf(installation, region, 'etcd'))).catch(() => null))),
  ]);
  const leaders = await answersOf(
    regions.flatMap((region) => membersOf(region).filter(({ name }) => name === leaderOf(view, region))),
    (node) => observe(installation.host(node)),
  );
  const [drill = null] = drills.filter((each) => each !== null).toSorted((a, b) => (a.at < b.at ? 1 : -1));
  return { at: new Date(), view, fences: new Map(fences), leaders, services, drill };
}

/** What each of these machines answers, by name; those that do not are missing. */
async function answersOf<T>(nodes: readonly Node[], ask: (node: Node) => Promise<T>): Promise<ReadonlyMap<string, T>> {
  const answers = new Map<string, T>();
  await Promise.all(
    nodes.map((node) =>
      ask(node).then(
        (answer) => void answers.set(node.name, answer),
        () => undefined,
      ),
    ),
  );
  return answers;
}

/** Makes sense of it. Pure. */
export function drStatusOf(installation: Pick<Installation, 'cluster'>, seen: DrObservation): DrStatus {
  const { cluster } = installation;
  const regions = regionsOf(cluster);
  const acting = actingOf(seen.view);
  const standby = acting === null ? null : otherRegion(cluster, acting);
  const status: Omit<DrStatus, 'findings'> = {
    at: seen.at.toISOString(),
    acting: acting?.awsRegion ?? null,
    regions: regions.map((region) => regionStatus(seen, region)),
    lag: acting === null || standby === null ? { bytes: null, seconds: null } : lagOf(seen, acting, standby),
    slot: acting === null || standby === null ? null : slotOf(seen, acting, standby),
    services: regions
      .flatMap((region) => nodesOf(region, 'api'))
      .map(({ name }) => ({ server: name, region: seen.services.get(name) ?? null })),
    drill: seen.drill,
  };
  return { ...status, findings: grade(installation.cluster, findingsOf(installation, seen, status)) };
}

/** The region that acts: with the higher epoch, where the former primary region still says so of itself. */
function actingOf(view: DrView): Region | null {
  const acting = [view.primary.region, view.dr.region]
    .map((region) => ({ region, ...factsOf(view, region) }))
    .filter(({ role }) => role === 'acting')
    .toSorted((a, b) => (b.epoch ?? 0) - (a.epoch ?? 0));
  return acting[0]?.region ?? null;
}

const leaderOf = (view: DrView, region: Region): string | null =>
  view[region.kind].members?.find(({ isLeader }) => isLeader)?.name ?? null;

function regionStatus({ view, fences }: DrObservation, region: Region): DrRegionStatus {
  const sight = view[region.kind];
  const fence = fences.get(region.kind);
  return {
    region: region.awsRegion,
    ...factsOf(view, region),
    leader: leaderOf(view, region),
    members: membersOf(region).map(({ name }) => {
      const member = sight.members?.find((each) => each.name === name);
      const gate = sight.knowledge.get(name)?.gate ?? null;
      return {
        name,
        role: member?.role ?? null,
        state: member?.state ?? null,
        gate: gate === null ? 'unknown' : gate.open ? 'open' : `closed: ${gate.reason}`,
      };
    }),
    off: fence?.off ?? [],
    isShutOut: fence?.isShutOut ?? false,
  };
}

/** What a failover at this moment would lose: written by the one and not received by the other, and since when. */
function lagOf({ view, leaders }: DrObservation, acting: Region, standby: Region): DrStatus['lag'] {
  const databaseOf = (region: Region) => toldOf(leaders.get(leaderOf(view, region) ?? '')?.database);
  const [written, received] = [databaseOf(acting), databaseOf(standby)];
  const [from, to] = [written?.lsn, received?.lsn].map((lsn) => parseLsn(lsn ?? '')?.lsn ?? null);
  const at = leaders.get(leaderOf(view, standby) ?? '')?.at;
  const replayedAt = received?.replayedAt ?? null;
  return {
    bytes:
      from === null || to === null || from === undefined || to === undefined ? null : Math.max(0, Number(from - to)),
    seconds:
      at === undefined || replayedAt === null ? null : Math.max(0, (Date.parse(at) - Date.parse(replayedAt)) / 1_000),
  };
}

function slotOf({ view, leaders }: DrObservation, acting: Region, standby: Region): DrStatus['slot'] {
  const slots = toldOf(leaders.get(leaderOf(view, acting) ?? '')?.database)?.slots ?? [];
  return slots.find(({ name }) => name === standbySlotOf(standby)) ?? null;
}

function findingsOf(
  { cluster }: Pick<Installation, 'cluster'>,
  { at, view, drill }: DrObservation,
  { acting, regions, lag, slot, services }: Omit<DrStatus, 'findings'>,
): readonly Finding[] {
  const found: Finding[] = [];
  const say = (what: string, remedy: string) => void found.push({ what, remedy });
  const led = regions.filter(({ role, leads }) => role === 'acting' && leads);
  if (led.length > 1) {
    say(
      `split-brain: both regions accept writes: ${led.map(({ region, epoch }) => `${region} with epoch ${epoch}`).join(', ')}`,
      'force-stop the instances of the region with the lower epoch (it stops by itself once it can read the other epoch), then: pgha dr rejoin',
    );
  }
  if (acting === null) say('there is no active region', 'pgha status shows what is missing');
  for (const { region, role, members, isShutOut, epoch } of regions) {
    const closed = members.filter(({ gate }) => gate.startsWith('closed'));
    for (const { name, gate } of closed) {
      say(
        `${name}: startup is blocked (startup gate ${gate})`,
        region === acting || acting === null
          ? `if you are certain that the other region is not active: pgha dr confirm ${region}`
          : `make ${region} the standby region: pgha dr rejoin`,
      );
    }
    if (isShutOut && region === acting) {
      say(
        `${region}: archiving to the repository of the other region is denied`,
        'rerun the region switchover that was interrupted',
      );
    }
    if (region !== acting && acting !== null && role === 'acting') {
      say(
        `${region} is the former primary region (epoch ${epoch})`,
        'make it the standby region: pgha dr rejoin; or fail back to the primary region: pgha dr failback',
      );
    }
  }
  for (const region of [view.primary, view.dr]) {
    for (const [name, { seen }] of region.knowledge) {
      if (seen.at - (seen.peerLast?.at ?? 0) > silenceSeconds) {
        say(
          `${name}: cannot read the region epoch of the other region`,
          "check port 2379 of the other region's etcd over the peering; until it is reachable, startup of a region that was down stays blocked",
        );
      }
    }
  }
  const isStandbyThere = regions.some(({ region, role }) => region !== acting && role === 'standby');
  if (acting !== null && isStandbyThere) {
    if (slot === null) {
      say('no WAL is retained for the standby region: its replication slot is missing', 'pgha dr rejoin');
    } else if (slot.walStatus === 'lost') {
      say(
        `replication slot ${slot.name}: invalidated (wal_status = lost), no WAL is retained for the standby region`,
        'recreate it, and rebuild the standby region if it is not streaming: pgha dr rejoin',
      );
    } else if (!slot.active) {
      say(
        'the standby region is not streaming',
        'check the peering; it catches up from the archive and the replication slot by itself',
      );
    }
    if (lag.seconds !== null && lag.seconds > thresholdOf(cluster, 'DrReplicationLagHigh')) {
      say(`the standby region is ${Math.round(lag.seconds)} s behind`, 'check the peering and the disk of its leader');
    }
  }
  for (const { server, region } of services) {
    if (acting !== null && region !== null && region !== acting) {
      say(`${server}: uses the standby region ${region}`, `on ${server}: pgha-services-region point ${acting}`);
    }
  }
  const ageDays = drill === null ? null : (at.getTime() - Date.parse(drill.at)) / 86_400_000;
  if (drill === null || ageDays === null) say('no DR drill has been run', 'pgha dr drill');
  else if (!drill.passed)
    say(`the DR drill of ${drill.at.slice(0, 10)} failed`, 'read its report, then rerun: pgha dr drill');
  else if (ageDays > drillMaxAgeDays) say(`the last DR drill is ${Math.round(ageDays)} days old`, 'pgha dr drill');
  return found;
}
