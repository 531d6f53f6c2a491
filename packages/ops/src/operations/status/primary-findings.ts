import { type Cluster, membersOf, nodesOf, ports, type Region, regionsOf } from '@pgha/infra/cluster';
import { toldOf } from '../../clients/observation.ts';
import { replayAgeSeconds } from './figures.ts';
import type { Finding } from './finding.ts';
import { membersListed, membersSeen, writersOf } from './members.ts';
import { answering, type ClusterObservation } from './observe.ts';
import { acceptsWrites, isFailsafe } from './own-words.ts';

/** One region, and one member of it only, has to accept writes: what the members say of themselves first, then etcd. */
export function primaryFindings(seen: ClusterObservation): readonly Finding[] {
  const regions = regionsOf(seen.cluster);
  const writing = regions.flatMap((region) => writersOf(seen, region).map((name) => ({ name, region })));
  if (writing.length > 1) {
    return [
      {
        what: `split-brain: ${writing.map(({ name, region }) => `${name} (${region.awsRegion})`).join(' and ')} accept writes`,
        remedy: splitRemedy(seen, writing),
        alert: 'SplitBrain',
      },
    ];
  }
  const acting = regions.filter((region) => membersSeen(seen, region)?.some(({ role }) => role === 'leader'));
  const [first, second] = acting;
  if (first !== undefined && second !== undefined) {
    return [
      {
        what: `split-brain: both ${first.awsRegion} and ${second.awsRegion} have a primary`,
        remedy: 'stop the former primary region at once (the one with the lower region epoch), then run pgha dr status',
        alert: 'SplitBrain',
      },
    ];
  }
  const [writer] = writing;
  if (writer !== undefined) return withoutEtcdFindings(seen, writer.region, writer.name);
  return first === undefined ? regions.flatMap((region) => missingPrimary(seen, region)).slice(0, 1) : [];
}

/** The one that etcd does not name goes: nothing else may accept writes. */
function splitRemedy(seen: ClusterObservation, writing: readonly { name: string; region: Region }[]): string {
  const [one, other] = writing;
  if (one?.region !== other?.region)
    return 'stop the region with the lower region epoch at once; pgha dr status shows the epochs';
  const listed = one === undefined ? null : membersListed(seen, one.region);
  const leader = listed?.find(({ role }) => role === 'leader')?.name;
  const wrong = writing.filter(({ name }) => name !== leader).map(({ name }) => name);
  return leader === undefined
    ? 'etcd names none of them as leader: stop all but the one with the highest timeline at once (systemctl stop patroni)'
    : `the leader in etcd is ${leader}: at once run systemctl stop patroni on ${wrong.join(', ')}, and compare its data before it is reinitialized`;
}

/** A primary that etcd does not know as such. */
function withoutEtcdFindings(seen: ClusterObservation, region: Region, name: string): readonly Finding[] {
  const machine = seen.machines.find(({ node }) => node.name === name)?.seen ?? null;
  const listed = membersListed(seen, region);
  const names = nodesOf(region, 'etcd').map((node) => node.name);
  const stay = `${name} remains the primary only as long as every other member responds to it: do not promote, restart or reinitialize any member`;
  if (isFailsafe(machine)) {
    const hasQuorum = etcdHasLeader(seen, region);
    return [
      {
        what: hasQuorum
          ? `${name}: primary in failsafe mode, accepts writes: it cannot reach etcd of ${region.awsRegion}`
          : `${name}: primary in failsafe mode, accepts writes: etcd of ${region.awsRegion} has no quorum`,
        remedy: hasQuorum
          ? `restore the connection from ${name} to port ${ports.etcdClient} of ${names.join(', ')}. ${stay}`
          : `start etcd on ${names.join(', ')}. ${stay}`,
        alert: 'FailsafeMode',
      },
    ];
  }
  const leader = listed?.find(({ role }) => role === 'leader')?.name ?? null;
  if (listed === null || leader === name) return [];
  return [
    {
      what: `${name}: accepts writes, but the leader in etcd of ${region.awsRegion} is ${leader ?? 'no member'}`,
      remedy: `run pgha status again in ${seen.cluster.patroni.ttlSeconds} s: until then Patroni demotes ${name} or renews its leader lease. If nothing changed: systemctl stop patroni (on ${name})`,
    },
  ];
}

const etcdHasLeader = (seen: ClusterObservation, region: Region): boolean =>
  answering(seen, region, ['etcd']).some(
    ({ seen: machine }) => toldOf(machine?.etcd)?.members.some(({ isLeader }) => isLeader) === true,
  );

/** Patroni's lease runs out, the others notice it at their next round, and the first of them asks the rest. */
function automaticFailoverSeconds({ patroni }: Pick<Cluster, 'patroni'>): number {
  const { ttlSeconds, loopWaitSeconds, retryTimeoutSeconds } = patroni;
  return Math.ceil((ttlSeconds + 2 * loopWaitSeconds + retryTimeoutSeconds) / 5) * 5;
}

/** No member accepts writes: whether Patroni is about to promote one, and what to do only when it does not. */
function missingPrimary(seen: ClusterObservation, region: Region): readonly Finding[] {
  const members = membersSeen(seen, region);
  if (members?.some(({ role }) => role === 'standby_leader') === true) return [];
  const where = region.awsRegion;
  const alert = 'NoPrimary';
  const elsewhere = seen.cluster.dr === null ? '' : '. If the whole region is down: pgha dr failover';
  const ages = membersOf(region).flatMap(({ name }) => replayAgeSeconds(seen, name) ?? []);
  const age = ages.length === 0 ? null : Math.round(Math.min(...ages));
  const since = age === null ? '' : `; last commit ${age} s ago`;
  const what = `no primary: writes are queued, then rejected${since}`;
  if (members === null) {
    return [
      {
        what: `${where}: unknown whether there is a primary: no member is reachable`,
        remedy: `start its nodes if they are stopped; if they are running, run pgha status again before anything else${elsewhere}`,
        alert,
      },
    ];
  }
  if (!etcdHasLeader(seen, region)) {
    const remedy = `start the etcd nodes of ${where} first: no member can be promoted until etcd has a quorum${elsewhere}`;
    return [{ what, remedy, alert }];
  }
  if (isPaused(seen, region)) {
    return [
      {
        what,
        remedy: 'automatic failover is paused; patronictl resume on any member resumes it, and a member is promoted',
        alert,
      },
    ];
  }
  const bound = automaticFailoverSeconds(seen.cluster);
  const candidates = ableMembers(seen, region);
  // a clock says when the last commit was, and it may have been idle before
  if (candidates.length > 0 && (age === null || age <= 2 * bound)) {
    return [
      {
        what,
        remedy:
          `automatic failover to ${candidates.join(' or ')} is expected within about ${bound} s. Do not reinitialize the former primary. ` +
          `If there is still no primary after that: pgha failover --dry-run${elsewhere}`,
        alert,
      },
    ];
  }
  const off = seen.machines
    .filter(({ node, seen: machine }) => machine === null && membersOf(region).some(({ name }) => name === node.name))
    .map(({ node }) => node.name);
  const start = off.length === 0 ? '' : `start ${off.join(', ')}: no data is lost. Otherwise: `;
  return [{ what, remedy: `${start}pgha failover --dry-run (shows the LSN of each member)${elsewhere}`, alert }];
}

const isPaused = (seen: ClusterObservation, region: Region): boolean =>
  answering(seen, region, ['postgres', 'standby']).some(
    ({ seen: machine }) => toldOf(machine?.patroni)?.patroni.pause === true,
  );

/** Members that Patroni may promote by itself: they answer, and they confirmed commits where that is asked for. */
function ableMembers(seen: ClusterObservation, region: Region): readonly string[] {
  const listed = membersListed(seen, region) ?? [];
  const isAsked = membersOf(region).length > 1;
  return listed
    .filter(({ role }) => !isAsked || /^(sync|quorum)_standby$/.test(role))
    .filter(({ name }) => {
      const machine = seen.machines.find(({ node }) => node.name === name)?.seen ?? null;
      return toldOf(machine?.database) !== null && acceptsWrites(machine) === false;
    })
    .map(({ name }) => name);
}
