import { nodesOf, type Region, regionsOf } from '@pgha/infra/cluster';
import { type FiringAlert, type PoolerObservation, type RestoreTestSeen, toldOf } from '../../clients/observation.ts';
import type { Backup, Repository } from '../../clients/pgbackrest.ts';
import { replayAgeSeconds, restoreTestsOf, usedRatio } from './figures.ts';
import { findAll } from './findings.ts';
import { membersSeen } from './members.ts';
import { answering, type ClusterObservation, type MachineObservation } from './observe.ts';
import { type GradedFinding, grade } from './severity.ts';

/** A cluster as `pgha status` tells it. Moments are RFC 3339 in UTC, sizes bytes; null is "not known" or "there is none". */
export interface ClusterStatus {
  at: string;
  project: string;
  environment: string;
  durability: string;
  /** The region whose cluster takes writes. */
  acting: string | null;
  regions: readonly RegionStatus[];
  machines: readonly MachineStatus[];
  repositories: readonly RepositoryStatus[];
  /** The alerts that fire; null: Prometheus cannot be asked. */
  alerts: readonly FiringAlert[] | null;
  /** The open issues, critical ones first; an empty list is a healthy cluster. */
  findings: readonly GradedFinding[];
}

export interface RegionStatus {
  region: string;
  /** `silent`: none of its members could be asked. */
  role: 'acting' | 'standby' | 'without leader' | 'silent';
  members: readonly MemberStatus[];
  /** `synchronous_standby_names` of its primary. */
  synchronous: string | null;
  etcd: { members: number; answering: number; leader: string | null };
  pooler: { paused: readonly string[]; clients: number; waiting: number };
  /** The ways in of each member's machine that answers. */
  routes: readonly RouteStatus[];
  /** How far a standby region is behind what it follows. */
  lagSeconds: number | null;
}

interface MemberStatus {
  name: string;
  /** Patroni's word: `leader`, `replica`, `sync_standby`, `quorum_standby`, `standby_leader`. */
  role: string;
  state: string;
  timeline: number | null;
  lsn: string | null;
  lagBytes: number | null;
  /** It accepts writes without etcd. */
  isFailsafe: boolean;
}

interface RouteStatus {
  machine: string;
  /** The members its router sends to; a standby region has no primary. */
  router: { primary: readonly string[]; replica: readonly string[] } | null;
  pooler: PoolerObservation | null;
}

interface MachineStatus {
  name: string;
  role: string;
  region: string;
  answers: boolean;
  /** The fullest of its file systems, 0 to 1. */
  diskUsedRatio: number | null;
  /** The first of its certificates to end. */
  certificateEndsAt: string | null;
}

interface RepositoryStatus {
  repository: number;
  region: string;
  answers: boolean;
  lastFullAt: string | null;
  lastDiffAt: string | null;
  lastIncrAt: string | null;
  archivedUpTo: string | null;
  /** How the newest restore test of it ended; null: there was none, or its machine cannot be asked. */
  restoreTest: { endedAt: string; machine: string; backup: string; ok: boolean; problem: string | null } | null;
}

/** Makes sense of what was seen. Pure. */
export function statusOf(seen: ClusterObservation): ClusterStatus {
  const { cluster, at } = seen;
  const regions = regionsOf(cluster).map((region) => regionStatus(seen, region));
  const restoreTests = restoreTestsOf(seen).newest;
  return {
    at: at.toISOString(),
    project: cluster.project,
    environment: cluster.environment,
    durability: cluster.durability,
    acting: regions.find(({ role }) => role === 'acting')?.region ?? null,
    regions,
    machines: seen.machines.map(machineStatus),
    repositories: seen.repositories.map(({ region, key, seen: repository }) => ({
      repository: key,
      region: region.awsRegion,
      answers: repository !== null,
      lastFullAt: lastOf(repository, 'full'),
      lastDiffAt: lastOf(repository, 'diff'),
      lastIncrAt: lastOf(repository, 'incr'),
      archivedUpTo: repository?.archivedUpTo ?? null,
      restoreTest: restoreTestStatus(restoreTests.get(key) ?? null),
    })),
    alerts: firingAlerts(seen),
    findings: grade(cluster, findAll(seen)),
  };
}

/** As the first monitoring machine that answers has them. */
const firingAlerts = ({ machines }: ClusterObservation): readonly FiringAlert[] | null =>
  machines.flatMap(({ seen }) => {
    const firing = toldOf(toldOf(seen?.watching)?.firing);
    return firing === null ? [] : [firing];
  })[0] ?? null;

function regionStatus(seen: ClusterObservation, region: Region): RegionStatus {
  const members = membersSeen(seen, region);
  const databases = answering(seen, region, ['postgres', 'standby']);
  const leading = members?.find(({ role }) => role === 'leader' || role === 'standby_leader') ?? null;
  const database = (name: string) => toldOf(databases.find(({ node }) => node.name === name)?.seen?.database);
  const etcd = answering(seen, region, ['etcd']).flatMap(({ seen: machine }) => toldOf(machine?.etcd) ?? [])[0] ?? null;
  const poolers = databases.flatMap(({ node, seen: machine }) => {
    const pooler = toldOf(machine?.pooler);
    return pooler === null ? [] : [{ name: node.name, ...pooler }];
  });
  return {
    region: region.awsRegion,
    role:
      members === null
        ? 'silent'
        : leading === null
          ? 'without leader'
          : leading.role === 'leader'
            ? 'acting'
            : 'standby',
    members: (members ?? []).map(({ name, role, state, timeline, lag, isFailsafe = false }) => ({
      name,
      role,
      state,
      timeline: timeline ?? null,
      lsn: database(name)?.lsn ?? null,
      lagBytes: typeof lag === 'number' ? lag : null,
      isFailsafe,
    })),
    synchronous: leading === null ? null : (database(leading.name)?.synchronousStandbyNames ?? null),
    etcd: {
      members: nodesOf(region, 'etcd').length,
      answering: etcd?.members.length ?? 0,
      leader: etcd?.members.find(({ isLeader }) => isLeader)?.endpoint ?? null,
    },
    pooler: {
      paused: poolers.filter(({ paused }) => paused).map(({ name }) => name),
      clients: sum(poolers.map(({ clients }) => clients)),
      waiting: sum(poolers.map(({ waiting }) => waiting)),
    },
    routes: databases.map(routeStatus),
    lagSeconds: leading?.role === 'standby_leader' ? replayAgeSeconds(seen, leading.name) : null,
  };
}

function routeStatus({ node, seen }: MachineObservation): RouteStatus {
  const router = toldOf(seen?.router);
  return {
    machine: node.name,
    router: router === null ? null : { primary: router.primary ?? [], replica: router.replica ?? [] },
    pooler: toldOf(seen?.pooler),
  };
}

function machineStatus({ node, region, seen }: MachineObservation): MachineStatus {
  const disks = toldOf(seen?.disks) ?? [];
  const ends = (toldOf(seen?.certificates) ?? []).map(({ notAfter }) => notAfter).sort();
  return {
    name: node.name,
    role: node.role,
    region: region.awsRegion,
    answers: seen !== null,
    diskUsedRatio: disks.length === 0 ? null : Math.max(...disks.map(usedRatio)),
    certificateEndsAt: ends[0] ?? null,
  };
}

function restoreTestStatus(test: (RestoreTestSeen & { machine: string }) | null): RepositoryStatus['restoreTest'] {
  if (test === null) return null;
  const { endedAt, machine, backup, ok, problem } = test;
  return { endedAt, machine, backup, ok, problem };
}

/** When the newest backup of a kind ended. */
function lastOf(repository: Repository | null, type: Backup['type']): string | null {
  return repository?.backups.findLast((backup) => backup.type === type)?.stoppedAt.toISOString() ?? null;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
