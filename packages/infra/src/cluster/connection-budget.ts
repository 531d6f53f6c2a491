import type { Cluster, Region } from './cluster.ts';
import { instanceTypeNamed } from './instance-types.ts';
import { membersOf, nodesOf, regionsOf } from './topology.ts';

/**
 * Slots that PostgreSQL keeps from ordinary logins: its own default for superusers, and those for members of
 * pg_use_reserved_connections (the guards, the exporter, the backup).
 */
export const reservedSlots = { superuser: 3, privileged: 6 } as const;

/** Pools smaller than these are useless: one connection of PgBouncer is kept for logins while the others are busy. */
const leastPool = { service: 2, pgbouncer: 3 } as const;
/** The services queue what exceeds it; more would not make one primary faster. */
const largestServicePool = 20;

/** The programs' connections to the primary that each member adds: its guard, and its rewind check when it is a standby. */
export const programConnectionsPerMember = 2;
/** Those of the primary's own machine: Patroni, exporter and metrics, heartbeat, backup, roles, `pgha status`. */
const programConnections = 9;

/** Who may hold how many connections to the primary of a region at once. */
interface ConnectionBudget {
  maxConnections: number;
  /** What ordinary logins can have before PostgreSQL refuses one: "remaining connection slots are reserved". */
  ordinary: number;
  /** The cluster's own. */
  programs: number;
  /** People and migrations that connect past the pools. */
  operators: number;
  /** `max_db_connections` of each member's PgBouncer; every one of them leads to the primary, whoever that is. */
  pgbouncer: number;
  members: number;
  /** `DB_POOL_MAX_SIZE` of each service. */
  service: number;
  /** Processes with such a pool, both services counted on every API server, all of them at one primary. */
  services: number;
}

/** `max_connections` for the memory of the smallest member: see `maxConnections`. */
function connectionsFor(memoryMib: number): number {
  return Math.min(500, Math.max(50, 10 * Math.floor(memoryMib / 200)));
}

/**
 * Divides the connections of a primary, so that the sum of all pools fits by construction: also while a single member is left
 * and serves reads and writes, and after a failover, when every PgBouncer goes to the new primary.
 *
 * @param memoryMib of the smallest member of both regions.
 * @param members of the region.
 * @param apiServers of both regions: the services follow the acting one.
 */
export function divideConnections(memoryMib: number, members: number, apiServers: number): ConnectionBudget {
  const total = connectionsFor(memoryMib);
  const ordinary = total - reservedSlots.superuser - reservedSlots.privileged;
  const programs = programConnections + programConnectionsPerMember * members;
  const operators = Math.floor(ordinary / 10);
  const services = 2 * Math.max(1, apiServers);
  // beside its pool each service opens one connection to look at sessions that have gone silent
  const pools = ordinary - programs - operators - services;
  const service = Math.max(leastPool.service, Math.min(largestServicePool, Math.floor((pools * 2) / 5 / services)));
  const pgbouncer = Math.floor((pools - service * services) / members);
  return { maxConnections: total, ordinary, programs, operators, pgbouncer, members, service, services };
}

/** The most connections that can be open at once when every pool is full; has to be at most `ordinary`. */
export function connectionsAtMost(budget: ConnectionBudget): number {
  const { programs, operators, pgbouncer, members, service, services } = budget;
  return programs + operators + pgbouncer * members + (service + 1) * services;
}

/** Does every pool have a useful size, and do they fit together? */
export function isBudgetSound(budget: ConnectionBudget): boolean {
  return budget.pgbouncer >= leastPool.pgbouncer && connectionsAtMost(budget) <= budget.ordinary;
}

/** The budget of one region's primary. */
export function connectionBudget(cluster: Cluster, region: Region): ConnectionBudget {
  const memory = regionsOf(cluster)
    .flatMap(membersOf)
    .map(({ instanceType }) => instanceTypeNamed(instanceType).memoryMib);
  const apiServers = regionsOf(cluster).flatMap((each) => nodesOf(each, 'api')).length;
  return divideConnections(Math.min(...memory), membersOf(region).length, apiServers);
}

/** The pool of each service: the smaller of both regions', because it follows the acting region without a restart. */
export function servicePoolSize(cluster: Cluster): number {
  return Math.min(...regionsOf(cluster).map((region) => connectionBudget(cluster, region).service));
}

/** What has to fit beside PgBouncer's pools and the programs of each member; the same in both regions. */
export function connectionsBesidePools(cluster: Cluster): number {
  const { operators, services } = connectionBudget(cluster, cluster.primary);
  return programConnections + operators + (servicePoolSize(cluster) + 1) * services;
}

/**
 * Connections of the whole cluster: a standby must allow at least as many as its primary (PostgreSQL manual, 26.4.6), so the
 * smallest machine of both regions decides.
 *
 * A backend at work takes about 10 MiB: one for every 20 MiB keeps all of them below half of it.
 */
export function maxConnections(cluster: Cluster): number {
  return connectionBudget(cluster, cluster.primary).maxConnections;
}
