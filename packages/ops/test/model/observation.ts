import { defineCluster, type Node, nodeNamed, regionOf } from '@pgha/infra/cluster';
import type {
  DatabaseObservation,
  HoldersObservation,
  Observation,
  TransactionSeen,
} from '../../src/clients/observation.ts';
import type { Backup } from '../../src/clients/pgbackrest.ts';
import type { ClusterObservation, MachineObservation } from '../../src/operations/status/observe.ts';

export const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
export const at = new Date('2026-03-01T12:00:00Z');
export const hoursAgo = (hours: number) => new Date(at.getTime() - hours * 3_600_000);

export const database = (inRecovery: boolean): DatabaseObservation => ({
  inRecovery,
  lsn: '0/3000000',
  replayLsn: null,
  timeline: 1,
  replayedAt: hoursAgo(0.001).toISOString(),
  receiver: null,
  connections: 3,
  maxConnections: 50,
  synchronousStandbyNames: 'ANY 1 ("pg-2","pg-3")',
  senders: [],
  slots: [{ name: 'dr', active: true, walStatus: 'reserved', keptBytes: 0 }],
  archiver: { lastArchivedWal: null, lastArchivedAt: hoursAgo(0.005).toISOString(), lastFailedAt: null },
  walWaiting: 0,
  walBytes: 0,
});

/** A transaction of a client that does nothing, open for longer than VacuumHeldBack allows. */
export const transaction = (change: Partial<TransactionSeen> = {}): TransactionSeen => ({
  pid: 77,
  user: 'pgha_owner',
  application: 'psql',
  client: '10.20.0.9',
  database: 'pgha',
  backendType: 'client backend',
  state: 'idle in transaction',
  seconds: 700,
  xidAge: 12,
  subtransactions: 0,
  overflowed: false,
  statement: 'select count(*) from items',
  ...change,
});

/** A primary on which nothing holds vacuum back, but for what a test changes. */
export const holders = (change: Partial<HoldersObservation> = {}): HoldersObservation => ({
  inRecovery: false,
  transactions: [],
  prepared: [],
  slots: [],
  startup: null,
  replayPause: null,
  ...change,
});

export const primaryMembers = [
  { name: 'pg-1', role: 'leader', state: 'running', timeline: 1 },
  { name: 'pg-2', role: 'quorum_standby', state: 'streaming', timeline: 1, lag: 0 },
  { name: 'pg-3', role: 'quorum_standby', state: 'streaming', timeline: 1, lag: 0 },
];
export const standbyMembers = [{ name: 'dr-pg-1', role: 'standby_leader', state: 'streaming', timeline: 1 }];

/** A machine that is well, but for what a test changes. */
export function machine(name: string, change: Partial<Observation> = {}): MachineObservation {
  const node = nodeNamed(cluster, name);
  const region = regionOf(cluster, node);
  const isPrimaryRegion = region.kind === 'primary';
  const byRole: Partial<Observation> = isDatabase(node)
    ? {
        patroni: {
          patroni: { state: 'running', role: 'replica' },
          cluster: { members: isPrimaryRegion ? primaryMembers : standbyMembers },
        },
        database: database(name !== 'pg-1'),
        pooler: { paused: !isPrimaryRegion, clients: 1, waiting: 0, maxWaitSeconds: 0, servers: 1 },
        // a standby region's has nobody who takes writes
        router: isPrimaryRegion ? { primary: ['pg-1'], replica: ['pg-2'] } : { primary: [], replica: [] },
      }
    : node.role === 'etcd'
      ? {
          etcd: {
            members: region.nodes
              .filter(({ role }) => role === 'etcd')
              .map(({ hostname }, index) => ({
                endpoint: hostname,
                isLeader: index === 0,
                databaseBytes: 1,
                errors: [],
              })),
            alarms: [],
          },
        }
      : {};
  const seen: Observation = {
    machine: name,
    at: at.toISOString(),
    needsReboot: false,
    disks: [{ mount: '/', sizeBytes: 100, freeBytes: 60 }],
    memory: { totalBytes: 100, availableBytes: 50 },
    certificates: [{ path: '/etc/pgha/tls/ca.crt', notAfter: '2036-01-01T00:00:00Z' }],
    units: { down: [], failed: [] },
    ...byRole,
    ...change,
  };
  return { node, region, seen, problem: null };
}

export const isDatabase = ({ role }: Node) => role === 'postgres' || role === 'standby';

export const backup = (type: Backup['type'], hours: number): Backup => ({
  label: `${type}-${hours}`,
  type,
  startedAt: hoursAgo(hours),
  stoppedAt: hoursAgo(hours),
  wal: { start: '', stop: '' },
  lsn: { start: '', stop: '' },
  sizeBytes: 1,
  repositoryDeltaBytes: 1,
  hasError: false,
});

/** A cluster in which nothing needs a person, but for what a test changes. */
export function observation(change: Partial<ClusterObservation> = {}): ClusterObservation {
  const names = ['etcd-1', 'etcd-2', 'etcd-3', 'pg-1', 'pg-2', 'pg-3', 'api-1', 'dr-etcd-1', 'dr-pg-1'];
  const regions = [cluster.primary, cluster.dr ?? cluster.primary];
  return {
    at,
    cluster,
    machines: names.map((name) => machine(name)),
    repositories: regions.map((region, index) => ({
      region,
      key: index + 1,
      seen: {
        key: index + 1,
        backups: [backup('full', 30), backup('incr', 2)],
        archivedUpTo: '000000010000000000000009',
      },
      problem: null,
    })),
    ...change,
  };
}

/** The same cluster with one machine in place of the one of its name. */
export const withMachine = (changed: MachineObservation) =>
  observation({
    machines: observation().machines.map((each) => (each.node.name === changed.node.name ? changed : each)),
  });

/** The same cluster with several machines changed. */
export const withMachines = (changed: readonly MachineObservation[]) =>
  observation({
    machines: observation().machines.map((each) => changed.find(({ node }) => node.name === each.node.name) ?? each),
  });

/** A machine that cannot be entered. */
export const off = (name: string): MachineObservation => ({
  ...machine(name),
  seen: null,
  problem: `${name} is stopped`,
});
