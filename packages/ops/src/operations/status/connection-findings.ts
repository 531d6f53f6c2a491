import {
  connectionsBesidePools,
  membersOf,
  programConnectionsPerMember,
  type Region,
  regionsOf,
  reservedSlots,
} from '@pgha/infra/cluster';
import { type DatabaseObservation, toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import type { ClusterObservation } from './observe.ts';
import { thresholdOf } from './thresholds.ts';

/** Connection slots: how many are in use, and whether full pools would need more than there are. Pure. */
export function connectionFindings(seen: ClusterObservation): readonly Finding[] {
  return [
    ...seen.machines.flatMap(({ node, seen: machine }) => slotFindings(seen, node.name, toldOf(machine?.database))),
    ...regionsOf(seen.cluster).flatMap((region) => poolFindings(seen, region)),
  ];
}

function slotFindings(
  seen: ClusterObservation,
  name: string,
  database: DatabaseObservation | null,
): readonly Finding[] {
  if (database === null) return [];
  const slots = ordinarySlots(database);
  if (database.connections / slots <= thresholdOf(seen.cluster, 'MaxConnectionsNearLimit')) return [];
  return [
    {
      what: `${name}: ${database.connections} of ${slots} connection slots for ordinary logins are in use`,
      remedy:
        `check pg_stat_activity on ${name} for the clients that use them (usename, application_name, client_addr); ` +
        'let clients that open many connections to 5432 or 5433 use PgBouncer on 6432',
      alert: 'MaxConnectionsNearLimit',
    },
  ];
}

/** As the machines run now, not as they are configured: a change of the sizes may not have reached all of them. */
function poolFindings(seen: ClusterObservation, region: Region): readonly Finding[] {
  const members = new Set(membersOf(region).map(({ name }) => name));
  const machines = seen.machines.filter(({ node }) => members.has(node.name)).map(({ seen: machine }) => machine);
  const sizes = machines.map((machine) => toldOf(machine?.pooler)?.maxServers ?? null).filter((size) => size !== null);
  const slots = machines.flatMap((machine) => toldOf(machine?.database) ?? []).map(ordinarySlots);
  if (slots.length === 0 || sizes.length === 0) return [];
  const isUnlimited = sizes.includes(0);
  const pools = sizes.reduce((sum, size) => sum + size + programConnectionsPerMember, 0);
  const wanted = pools + connectionsBesidePools(seen.cluster);
  const available = Math.min(...slots);
  if (!isUnlimited && wanted / available <= thresholdOf(seen.cluster, 'PoolsExceedMaxConnections')) return [];
  const what = isUnlimited
    ? `${region.awsRegion}: a PgBouncer has no limit on server connections (max_db_connections)`
    : `${region.awsRegion}: the connection pools together can use ${wanted} connection slots, but a primary has ${available} for ordinary logins`;
  return [
    {
      what,
      remedy:
        'pgha apply resizes the pools; if it changes nothing, restart each member so that max_connections takes effect: pgha nodes restart',
      alert: 'PoolsExceedMaxConnections',
    },
  ];
}

const ordinarySlots = ({ maxConnections, reservedConnections }: DatabaseObservation) =>
  maxConnections - (reservedConnections ?? reservedSlots.superuser + reservedSlots.privileged);
