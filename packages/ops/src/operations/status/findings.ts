import { membersOf, nodesOf, ports, type Region, regionsOf } from '@pgha/infra/cluster';
import { readableLagMib } from '@pgha/infra/machines';
import { isUntold, type Observation, type RawMember, toldOf } from '../../clients/observation.ts';
import { replayAgeSeconds, usedRatio } from './figures.ts';
import type { Finding } from './finding.ts';
import { holdersFindings, overflowedTransaction, waitingStart } from './holders-findings.ts';
import { answering, type ClusterObservation, membersSeen } from './observe.ts';
import { replayFailureOf, replayFinding } from './replay-findings.ts';
import { repositoryFindings, restoreTestFindings } from './repository-findings.ts';
import { slotFindings } from './slot-findings.ts';
import { thresholdOf } from './thresholds.ts';

/** Everything that needs a person, the gravest first. Pure. */
export function findAll(seen: ClusterObservation): readonly Finding[] {
  const regions = regionsOf(seen.cluster);
  return [
    ...actingFindings(seen, regions),
    ...seen.machines.flatMap(({ node, seen: machine }) => gateFindings(node.name, machine)),
    ...regions.flatMap((region) => memberFindings(seen, region)),
    ...regions.flatMap((region) => etcdFindings(seen, region)),
    ...archiveFindings(seen),
    ...slotFindings(seen),
    ...holdersFindings(seen),
    ...repositoryFindings(seen),
    ...restoreTestFindings(seen),
    ...seen.machines.flatMap(({ node, problem }) =>
      problem === null
        ? []
        : [{ what: `${node.name} cannot be asked: ${problem}`, remedy: 'start it, or replace it: pgha nodes replace' }],
    ),
    ...seen.machines.flatMap(({ seen: machine }) => (machine === null ? [] : machineFindings(seen, machine))),
  ];
}

/** One region, and one only, has to take writes. */
function actingFindings(seen: ClusterObservation, regions: readonly Region[]): readonly Finding[] {
  const acting = regions.filter((region) => membersSeen(seen, region)?.some(({ role }) => role === 'leader'));
  const [first, second] = acting;
  if (second !== undefined) {
    return [
      {
        what: `both ${first?.awsRegion} and ${second.awsRegion} have a primary`,
        remedy: 'stop the region that was given up at once, then pgha dr status',
      },
    ];
  }
  if (first !== undefined) return [];
  return [
    {
      what: 'no region has a primary: writes are held, then refused',
      remedy: 'pgha failover shows the candidates; if the whole region is lost, pgha dr failover',
    },
  ];
}

/** A machine whose server may not start: its region was given up, or cannot know. */
function gateFindings(name: string, machine: Observation | null): readonly Finding[] {
  const gate = toldOf(machine?.region)?.gate ?? null;
  return gate === null || gate.open
    ? []
    : [{ what: `the gate of ${name} is closed: ${gate.reason}`, remedy: 'pgha dr status says what to do' }];
}

function memberFindings(seen: ClusterObservation, region: Region): readonly Finding[] {
  const { cluster } = seen;
  const members = membersSeen(seen, region);
  if (members === null)
    return [{ what: `no member of ${region.awsRegion} answers`, remedy: 'look at its machines below' }];
  const found: Finding[] = [];
  const buildsAnew = (name: string) =>
    isBuiltFromOtherRegion(seen, region, name)
      ? `pgha dr rejoin --rebuild builds ${region.awsRegion} anew`
      : `pgha nodes reinit ${name} builds it anew`;
  for (const { name } of membersOf(region)) {
    const member = members.find((each) => each.name === name);
    const failure = replayFailureOf(seen, name);
    const blocker = member?.state === 'starting' ? overflowedTransaction(seen, region) : null;
    if (failure !== null && !['running', 'streaming'].includes(member?.state ?? '')) {
      found.push(replayFinding(name, failure));
    } else if (blocker !== null) {
      found.push(waitingStart(name, blocker));
    } else if (member === undefined) {
      found.push({
        what: `${name} is not a member`,
        remedy: `journalctl -u patroni on ${name}; ${buildsAnew(name)}`,
      });
    } else if (!['running', 'streaming'].includes(member.state)) {
      found.push({
        what: `${name} is ${member.state}`,
        remedy: `journalctl -u patroni on ${name}; if it does not end, ${buildsAnew(name)}`,
      });
    } else if (typeof member.lag === 'number' && member.lag > thresholdOf(cluster, 'ReplicaLags')) {
      found.push({
        what: `${name} is ${Math.round(member.lag / 1024 ** 2)} MiB behind`,
        remedy: 'its disk, its CPU, or a long query that holds replay back',
      });
    }
  }
  const isPrimary = members.some(({ role }) => role === 'leader');
  if (isPrimary && membersOf(region).length > 1 && !members.some(({ role }) => /^(sync|quorum)_standby$/.test(role))) {
    found.push({
      what: 'no standby confirms commits: a second fault now loses data or stops writes',
      remedy: 'bring the missing member back',
    });
  }
  const leader = members.find(({ role }) => role === 'standby_leader');
  const lag = leader === undefined ? null : replayAgeSeconds(seen, leader.name);
  if (lag !== null && lag > thresholdOf(cluster, 'SecondRegionLags')) {
    found.push({
      what: `${region.awsRegion} is ${Math.round(lag)} s behind`,
      remedy: 'the peering, and the slot "dr" on the primary',
    });
  }
  const paused = answering(seen, region, ['postgres', 'standby']);
  if (paused.some(({ seen: machine }) => toldOf(machine?.patroni)?.patroni.pause === true)) {
    found.push({
      what: `automatic failover is paused in ${region.awsRegion}`,
      remedy: 'patronictl resume, once the maintenance is over',
    });
  }
  for (const { node, seen: machine } of paused) {
    if (toldOf(machine?.patroni)?.patroni.pending_restart === true) {
      found.push({
        what: `${node.name} runs with settings that need a restart`,
        remedy: `pgha nodes restart ${node.name}`,
      });
    }
  }
  return [...found, ...routeFindings(seen, region, members)];
}

/** The ways in of a region that has a primary: whichever machine a client comes through, it has to reach it. */
function routeFindings(seen: ClusterObservation, region: Region, members: readonly RawMember[]): readonly Finding[] {
  const primary = members.find(({ role }) => role === 'leader')?.name ?? null;
  if (primary === null) return [];
  const hasReplica = members.some(
    ({ name, state, lag }) =>
      name !== primary && state === 'streaming' && typeof lag === 'number' && lag < readableLagMib * 1024 ** 2,
  );
  return answering(seen, region, ['postgres', 'standby']).flatMap(({ node: { name }, seen: machine }) => {
    const router = toldOf(machine?.router);
    const wrong = router?.primary?.filter((each) => each !== primary) ?? [];
    return [
      ...(toldOf(machine?.pooler)?.paused === true
        ? [
            {
              what: `the pooler of ${name} is paused although there is a primary`,
              remedy: `systemctl restart pgha-guard on ${name}`,
            },
          ]
        : []),
      ...(router !== null && router.primary?.includes(primary) !== true
        ? [
            {
              what: `the router of ${name} does not send to the primary ${primary}`,
              remedy: `journalctl -u haproxy on ${name} says why; the way from there to port ${ports.patroni} of ${primary}`,
            },
          ]
        : []),
      ...wrong.map((other) => ({
        what: `the router of ${name} sends writers to ${other}, and ${primary} is the primary`,
        remedy: `journalctl -u patroni on ${other}: it says that it leads`,
      })),
      ...(router !== null && hasReplica && (router.replica ?? []).length === 0
        ? [
            {
              what: `the router of ${name} sends readers to no replica although one streams`,
              remedy: `journalctl -u haproxy on ${name} says why`,
            },
          ]
        : []),
    ];
  });
}

/** Patroni builds a replica anew from its region's leader; the leader of a standby region has only the acting region. */
function isBuiltFromOtherRegion(seen: ClusterObservation, region: Region, name: string): boolean {
  const others = regionsOf(seen.cluster).filter(({ kind }) => kind !== region.kind);
  if (!others.some((other) => membersSeen(seen, other)?.some(({ role }) => role === 'leader'))) return false;
  const isLeader = membersSeen(seen, region)?.find((each) => each.name === name)?.role === 'standby_leader';
  return isLeader || membersOf(region).length === 1;
}

function etcdFindings(seen: ClusterObservation, region: Region): readonly Finding[] {
  const entered = answering(seen, region, ['etcd']);
  const [view] = entered.flatMap(({ seen: machine }) => toldOf(machine?.etcd) ?? []);
  const wanted = nodesOf(region, 'etcd').length;
  if (view === undefined) {
    const remedy =
      entered.length <= wanted / 2
        ? 'start its machines'
        : `journalctl -u etcd on ${entered[0]?.node.name}: "took too long" there is a disk or a processor that is too slow`;
    return [
      {
        what: `etcd of ${region.awsRegion} does not answer`,
        remedy: `${remedy}; nobody can take over until it answers`,
      },
    ];
  }
  return [
    ...(view.members.length < wanted
      ? [
          {
            what: `etcd of ${region.awsRegion} has ${view.members.length} of ${wanted} members`,
            remedy: 'journalctl -u etcd on the missing one; do not wait for days',
          },
        ]
      : []),
    ...(view.members.some(({ isLeader }) => isLeader)
      ? []
      : [{ what: `etcd of ${region.awsRegion} has no leader`, remedy: 'port 2380 between its machines' }]),
    ...view.alarms.map((alarm) => ({
      what: `etcd of ${region.awsRegion} raised ${alarm}`,
      remedy: 'pgha-etcdctl defrag on one member after the other, then alarm disarm',
    })),
  ];
}

/** The archive, as the primary tells it. */
function archiveFindings(seen: ClusterObservation): readonly Finding[] {
  return seen.machines.flatMap(({ node, seen: machine }) => {
    const database = toldOf(machine?.database);
    if (machine === null || database === null || database.inRecovery) return [];
    const { lastArchivedAt } = database.archiver;
    const ageMs = lastArchivedAt === null ? null : Date.parse(machine.at) - Date.parse(lastArchivedAt);
    const tooOld = thresholdOf(seen.cluster, 'WalNotArchived') * 1_000;
    return [
      ...(ageMs !== null && ageMs > tooOld && database.walWaiting > 0
        ? [
            {
              what: `${node.name} archived its last WAL segment ${Math.round(ageMs / 1_000)} s ago; ${database.walWaiting} wait`,
              remedy: 'pgha backup verify says which repository refuses; pgha archive detach leaves a lost one out',
            },
          ]
        : []),
    ];
  });
}

function machineFindings({ cluster }: ClusterObservation, machine: Observation): readonly Finding[] {
  const name = machine.machine;
  const now = Date.parse(machine.at);
  const soon = thresholdOf(cluster, 'CertificateEnds') * 1_000;
  const full = thresholdOf(cluster, 'DiskFilling');
  const parts = [
    'disks',
    'certificates',
    'units',
    'patroni',
    'database',
    'pooler',
    'router',
    'archive',
    'restoreTests',
    'etcd',
    'api',
    'region',
  ] as const;
  const untold = parts.flatMap((part) => {
    const told = machine[part];
    return isUntold(told)
      ? [{ what: `${part} of ${name} is not known: ${told.error}`, remedy: `look at ${name}` }]
      : [];
  });
  const ready = toldOf(machine.api)?.ready ?? {};
  return [
    ...untold,
    ...(toldOf(machine.units)?.down ?? []).map((unit) => ({
      what: `${unit} of ${name} does not run`,
      remedy: `journalctl -u ${unit} on ${name}`,
    })),
    ...(toldOf(machine.units)?.failed ?? []).map((unit) => ({
      what: `${unit} of ${name} failed`,
      remedy: `journalctl -u ${unit} on ${name}`,
    })),
    ...(toldOf(machine.disks) ?? [])
      .filter((disk) => usedRatio(disk) > full)
      .map((disk) => ({
        what: `${disk.mount} of ${name} is ${Math.round(usedRatio(disk) * 100)} % full`,
        remedy: 'on a database machine look at pg_wal first; grow the volume',
      })),
    ...(toldOf(machine.certificates) ?? [])
      .filter(({ notAfter }) => Date.parse(notAfter) - now < soon)
      .map(({ path, notAfter }) => ({
        what: `${path} of ${name} ends on ${notAfter.slice(0, 10)}`,
        remedy: 'pgha certs renew',
      })),
    ...Object.entries(ready)
      .filter(([, state]) => state !== 'ready')
      .map(([service, state]) => ({
        what: `${service} on ${name} says ${state}`,
        remedy: `journalctl -u pgha-${service} on ${name}`,
      })),
    ...(machine.needsReboot
      ? [{ what: `${name} has updates that need a reboot`, remedy: `pgha nodes restart ${name} --reboot` }]
      : []),
  ];
}
