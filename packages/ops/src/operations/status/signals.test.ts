import { signalsOf } from '@pgha/infra/signals';
import { describe, expect, it } from 'vitest';
import {
  at,
  backup,
  cluster,
  database,
  holders,
  hoursAgo,
  machine,
  observation,
  off,
  primaryMembers,
  standbyMembers,
  transaction,
  withMachine,
  withMachines,
} from '../../../test/model/observation.ts';
import type { DeletionsSeen, HealthFigure, Observation, WatchingObservation } from '../../clients/observation.ts';
import { findAll } from './findings.ts';
import type { ClusterObservation } from './observe.ts';

const patroni = (self: object, members: typeof primaryMembers = primaryMembers): Partial<Observation> => ({
  patroni: { patroni: { state: 'running', role: 'replica', ...self }, cluster: { members } },
});
const withState = (name: string, state: string) =>
  withMachines(
    ['pg-1', 'pg-2', 'pg-3'].map((each) =>
      machine(
        each,
        patroni(
          {},
          primaryMembers.map((member) => (member.name === name ? { ...member, state } : member)),
        ),
      ),
    ),
  );
const health = (name: string, value: number): ClusterObservation => {
  const figures: readonly HealthFigure[] = [{ name, labels: '', value }];
  return withMachine(machine('pg-1', { health: figures }));
};
const etcdMembers = (size: number, isLed = true) =>
  Array.from({ length: size }, (_each, index) => ({
    endpoint: `https://etcd-${index + 1}.example:2379`,
    id: `${index + 1}`,
    isLeader: isLed && index === 0,
    databaseBytes: 1,
    errors: [],
  }));
const withEtcd = (etcd: Observation['etcd']) =>
  withMachines(['etcd-1', 'etcd-2', 'etcd-3'].map((name) => machine(name, etcd === undefined ? {} : { etcd })));
const certificate = (days: number) =>
  withMachine(machine('pg-1', { certificates: [{ path: '/x.crt', notAfter: hoursAgo(-24 * days).toISOString() }] }));
const disk = (freeBytes: number) =>
  withMachine(machine('pg-1', { disks: [{ mount: '/', sizeBytes: 100, freeBytes }] }));
const archiver = (change: object, walWaiting = 4) =>
  withMachine(
    machine('pg-1', {
      database: {
        ...database(false),
        walWaiting,
        archiver: {
          lastArchivedWal: null,
          lastArchivedAt: hoursAgo(0.001).toISOString(),
          lastFailedAt: null,
          ...change,
        },
      },
    }),
  );
const repository = (hours: number) =>
  observation({
    repositories: observation().repositories.map((each) => ({
      ...each,
      seen: { key: each.key, backups: [backup('full', hours)], archivedUpTo: null },
    })),
  });
const restoreTest = (days: number, ok: boolean) => {
  const endedAt = hoursAgo(24 * days).toISOString();
  const results = [
    { repository: 1, backup: 'b', endedAt, ok, problem: ok ? null : 'differs', succeededAt: ok ? endedAt : null },
  ];
  return withMachine(machine('pg-2', { restoreTests: { expectedSince: endedAt, results } }));
};
const deletions = (change: Partial<DeletionsSeen>) =>
  withMachine(
    machine('api-1', {
      deletions: [
        {
          repository: 1,
          bucket: 'backups',
          region: 'us-east-1',
          deleted: 0,
          first: null,
          firstAt: null,
          below: [],
          expectedSince: hoursAgo(30).toISOString(),
          checkedAt: hoursAgo(0.5).toISOString(),
          problem: null,
          ...change,
        },
      ],
    }),
  );
const ready = (services: Readonly<Record<string, string>>) =>
  withMachine(machine('api-1', { api: { release: '1', ready: services, region: null } }));
const region = (gate: boolean, peerReadSecondsAgo: number) => {
  const stored = { answers: true, known: true, standby: false, epoch: 1 };
  const seconds = at.getTime() / 1_000;
  return withMachine(
    machine('pg-1', {
      region: {
        gate: { open: gate, reason: 'another region acts', since: seconds },
        seen: { at: seconds, own: stored, peer: stored, peerLast: { ...stored, at: seconds - peerReadSecondsAgo } },
      },
    }),
  );
};
const slot = { name: 'dr', active: false, walStatus: 'extended' };
const override = {
  setting: 'fsync',
  value: 'off',
  level: 'system',
  database: null,
  role: null,
  file: '/d/postgresql.auto.conf',
  line: 3,
  applied: true,
} as const;
const pooler = { paused: false, clients: 1, waiting: 0, maxWaitSeconds: 0, servers: 1 };
const watching = (change: Partial<WatchingObservation>) => {
  const node = machine('bastion-1').node;
  const well = { scrapeAgeSeconds: 1, alertmanager: 'disabled', firing: [], subscriptions: null };
  const seen = machine('api-1', { watching: { ...well, ...change } });
  expect(node.name).toBe('bastion-1');
  return withMachine(seen);
};

/** What makes each signal's alert fire, as `pgha status` sees it. */
const triggers: Readonly<Record<string, () => ClusterObservation>> = {
  WriteApiDown: () => ready({ api: 'not ready', 'read-api': 'ready' }),
  ReadApiDown: () => ready({ api: 'ready', 'read-api': 'not ready' }),
  NoPrimary: () =>
    withMachines([off('pg-1'), ...['pg-2', 'pg-3'].map((name) => machine(name, patroni({}, primaryMembers.slice(1))))]),
  SplitBrain: () => withMachine(machine('pg-2', { database: database(false) })),
  PostgresDown: () => withMachine(machine('pg-2', { database: { error: 'Connection refused' } })),
  PatroniDown: () => withMachine(machine('pg-2', { patroni: { error: 'Connection refused' } })),
  PatroniPaused: () => withMachine(machine('pg-2', patroni({ pause: true }))),
  FailsafeMode: () =>
    withMachines([
      machine('pg-1', patroni({ role: 'primary', failsafe_mode_is_active: true }, [])),
      ...['pg-2', 'pg-3'].map((name) => machine(name, patroni({}, primaryMembers.slice(1)))),
    ]),
  PendingRestart: () => withMachine(machine('pg-2', patroni({ pending_restart: true }))),
  ReplicaNotStreaming: () => withState('pg-2', 'running'),
  ReplicationLagHigh: () =>
    withMachine(
      machine(
        'pg-1',
        patroni(
          {},
          primaryMembers.map((member) => (member.name === 'pg-2' ? { ...member, lag: 2e8 } : member)),
        ),
      ),
    ),
  NoSynchronousStandby: () =>
    withMachine(
      machine(
        'pg-1',
        patroni(
          {},
          primaryMembers.map((each) => (each.role === 'leader' ? each : { ...each, role: 'replica' })),
        ),
      ),
    ),
  DrNoStandbyLeader: () =>
    withMachine(
      machine(
        'dr-pg-1',
        patroni(
          {},
          standbyMembers.map((each) => ({ ...each, role: 'replica' })),
        ),
      ),
    ),
  DrReplicationStopped: () =>
    withMachine(
      machine(
        'dr-pg-1',
        patroni(
          {},
          standbyMembers.map((each) => ({ ...each, state: 'in archive recovery' })),
        ),
      ),
    ),
  DrReplicationLagHigh: () =>
    withMachine(machine('dr-pg-1', { database: { ...database(true), replayedAt: hoursAgo(1).toISOString() } })),
  DrStartupBlocked: () => region(false, 1),
  DrPeerEpochUnknown: () => region(true, 400),
  SlotInvalidated: () =>
    withMachine(
      machine('pg-1', {
        database: { ...database(false), slots: [{ ...slot, walStatus: 'lost', keptBytes: null }] },
      }),
    ),
  InactiveSlotHoldsXmin: () =>
    withMachine(
      machine('pg-1', {
        holders: holders({ slots: [{ ...slot, type: 'physical', inactiveSeconds: 600, xidAge: 4_711 }] }),
      }),
    ),
  ReplayPaused: () => withMachine(machine('pg-2', { holders: holders({ inRecovery: true, replayPause: 'paused' }) })),
  VacuumHeldBack: () => withMachine(machine('pg-1', { holders: holders({ transactions: [transaction()] }) })),
  DurabilitySettingOverridden: () => withMachine(machine('pg-1', { durability: { overrides: [override] } })),
  MaxConnectionsNearLimit: () =>
    withMachine(machine('pg-1', { database: { ...database(false), connections: 48, maxConnections: 50 } })),
  PoolsExceedMaxConnections: () => withMachine(machine('pg-1', { pooler: { ...pooler, maxServers: 500 } })),
  ChecksumFailure: () => health('pgha_checksum_failures', 1),
  TransactionIdWraparound: () => health('pgha_transaction_id_age', 1.1e9),
  MultixactIdWraparound: () => health('pgha_multixact_id_age', 1.1e9),
  PreparedTransactionOld: () => health('pgha_prepared_transaction_age_seconds', 301),
  IdleInTransaction: () => health('pgha_idle_in_transaction_seconds', 601),
  CommitsStalled: () => health('pgha_commit_timestamp_seconds', at.getTime() / 1_000 - 31),
  PortUnreachable: () => withMachine(machine('pg-2', { reach: [{ member: 'pg-1', port: 5432, reached: false }] })),
  HAProxyDown: () => withMachine(machine('pg-2', { router: { error: 'Connection refused' } })),
  HAProxyNoPrimaryBackend: () => withMachine(machine('pg-2', { router: { primary: [], replica: ['pg-2'] } })),
  PgBouncerDown: () => withMachine(machine('pg-2', { pooler: { error: 'Connection refused' } })),
  PgBouncerClientsWaiting: () => withMachine(machine('pg-2', { pooler: { ...pooler, maxWaitSeconds: 16 } })),
  PgBouncerPaused: () => withMachine(machine('pg-2', { pooler: { ...pooler, paused: true } })),
  EtcdMemberDown: () => withEtcd({ members: etcdMembers(2), alarms: [] }),
  EtcdQuorumLost: () => withEtcd({ error: 'context deadline exceeded' }),
  EtcdNoLeader: () => withEtcd({ members: etcdMembers(3, false), alarms: [] }),
  EtcdAlarm: () => withEtcd({ members: etcdMembers(3), alarms: [{ member: '1', alarm: 'NOSPACE' }] }),
  EtcdDatabaseQuotaNear: () =>
    withEtcd({ members: etcdMembers(3).map((each) => ({ ...each, databaseBytes: 450 * 1024 ** 2 })), alarms: [] }),
  WalNotArchived: () => archiver({ lastArchivedAt: hoursAgo(1).toISOString() }),
  WalArchiveLagHigh: () => health('pgha_wal_archive_lag_seconds', 121),
  ArchiveCommandFailing: () => archiver({ lastFailedAt: at.toISOString() }),
  FullBackupOverdue: () => repository(24 * 9),
  BackupOverdue: () => repository(24 * 3),
  RestoreTestFailed: () => restoreTest(1, false),
  RestoreTestOverdue: () => restoreTest(10, true),
  BackupRepositoryUnreachable: () =>
    observation({
      repositories: observation().repositories.map((each) => ({ ...each, seen: null, problem: 'timed out' })),
    }),
  BackupObjectsDeleted: () =>
    deletions({ deleted: 1, first: 'pgha/1/backup/pgha/a/backup.manifest', below: ['pgha/1/backup/pgha/a/'] }),
  BackupObjectsUnchecked: () => deletions({ checkedAt: null, problem: 'AccessDenied' }),
  NodeDown: () => withMachine(off('etcd-1')),
  DiskSpaceLow: () => disk(15),
  DiskSpaceCritical: () => disk(5),
  MemoryLow: () => withMachine(machine('pg-1', { memory: { totalBytes: 100, availableBytes: 4 } })),
  SystemdUnitFailed: () => withMachine(machine('pg-1', { units: { down: [], failed: ['pgha-guard.service'] } })),
  CertificateExpiring: () => certificate(20),
  CertificateExpiringCritical: () => certificate(5),
  NotificationsFailing: () => watching({ alertmanager: { error: 'Connection refused' } }),
  PrimaryDiskFull: () =>
    withMachine(
      machine('pg-1', {
        disks: [{ mount: '/var/lib/postgresql', sizeBytes: 100, freeBytes: 40, files: 100, freeFiles: 1 }],
      }),
    ),
};

/** Alerts that `pgha status` has no finding for, each with its reason. It lists every alert that fires, whatever it is about. */
const unseen: Readonly<Record<string, string>> = {
  HttpErrorRateHigh: 'a rate over a minute: one look at the HTTP services has none',
  HttpLatencyHigh: 'a distribution over minutes',
  WriteOutcomeUnknown: 'an event: it leaves nothing to see',
  ConnectionPoolExhausted: 'a queue that is normal for a moment; it has to last',
  ReadReplicaLagHigh: 'the same lag as ReplicationLagHigh, as one service sees it',
  PrimaryChanged: 'an event: the cluster is well behind it',
  LongTransaction: 'the finding of VacuumHeldBack names the transaction, and after a shorter time',
  EtcdLeaderChangesHigh: 'a count over a quarter of an hour',
  EtcdFsyncSlow: 'a distribution over minutes',
  BackupMetricsMissing: 'about the exporter: status reads the repositories themselves',
  OomKill: 'an event: the unit that lost its process is told',
  CpuStealHigh: 'a rate over minutes',
  DiskIoPressure: 'a rate over minutes; CommitsStalled tells what it does to the primary',
  ClockSkew: 'the computer that asks has no better clock',
  ExporterDown: 'the unit of the exporter is told',
  PostgresExporterLoginFailed: 'about the exporter: status asks PostgreSQL itself',
  RuleEvaluationFailing: 'about the rules: status has none to evaluate',
};

/** Findings without an alert, by how they begin, each with its reason. */
const unalerted: readonly { what: RegExp; why: string; seen: () => ClusterObservation }[] = [
  {
    what: /^pg-1: accepts writes, but the leader in etcd/,
    why: 'Patroni ends it within its lease; what stays is SplitBrain or NoPrimary',
    seen: () =>
      withMachines([
        machine('pg-1', patroni({ role: 'primary' }, primaryMembers.slice(1))),
        ...['pg-2', 'pg-3'].map((name) => machine(name, patroni({}, primaryMembers.slice(1)))),
      ]),
  },
  {
    what: /Patroni is running but not registered in etcd/,
    why: 'its replica streams or ReplicaNotStreaming tells',
    seen: () =>
      withMachines(
        ['pg-1', 'pg-2', 'pg-3'].map((name) =>
          machine(
            name,
            patroni(
              {},
              primaryMembers.filter((each) => each.name !== 'pg-2'),
            ),
          ),
        ),
      ),
  },
  {
    what: /HAProxy routes writes to pg-3/,
    why: 'two members that say they are the primary are SplitBrain',
    seen: () => withMachine(machine('pg-2', { router: { primary: ['pg-1', 'pg-3'], replica: ['pg-2'] } })),
  },
  {
    what: /HAProxy routes reads to no replica/,
    why: 'reads go to the primary then: nobody has to be woken',
    seen: () => withMachine(machine('pg-2', { router: { primary: ['pg-1'], replica: [] } })),
  },
  {
    what: /installed updates require a reboot/,
    why: 'not urgent',
    seen: () => withMachine(machine('pg-1', { needsReboot: true })),
  },
  {
    what: /^pg-1: pgha-guard.service is not running/,
    why: 'what the unit does is watched by its own alerts',
    seen: () => withMachine(machine('pg-1', { units: { down: ['pgha-guard.service'], failed: [] } })),
  },
  {
    what: /^no alert can fire: Prometheus/,
    why: 'Prometheus cannot tell that it stands still; on AWS an alarm watches its instance',
    seen: () => watching({ scrapeAgeSeconds: 300 }),
  },
  {
    what: /subscriptions to the alert topic are unconfirmed/,
    why: 'the alert would go where nobody gets it',
    seen: () => watching({ subscriptions: { confirmed: 0, pending: 1 } }),
  },
  {
    what: /^the alert topic has no subscription/,
    why: 'the alert would go where nobody gets it',
    seen: () => watching({ subscriptions: { confirmed: 0, pending: 0 } }),
  },
  {
    what: /^whether anyone is notified/,
    why: 'the alert would go where nobody gets it',
    seen: () => watching({ subscriptions: { error: 'AccessDenied' } }),
  },
  {
    what: /detached since/,
    why: 'an operator did it on purpose',
    seen: () =>
      withMachine(
        machine('pg-1', { archive: [{ repository: 2, state: 'detached', from: at.toISOString(), to: null }] }),
      ),
  },
];

const names = signalsOf(cluster).map(({ name }) => name);

describe('one list of signals', () => {
  it('knows every alert: a finding that names it, or the reason why status cannot see it', () => {
    expect([...Object.keys(triggers), ...Object.keys(unseen)].toSorted()).toEqual(names.toSorted());
  });

  it.each(Object.entries(triggers))('has a finding of %s', (name, trigger) => {
    const alerts = findAll(trigger()).map(({ alert }) => alert);
    expect(alerts).toContain(name);
  });

  it.each(unalerted.map(({ what, why, seen }) => [String(what), why, what, seen] as const))(
    'has a reason for a finding without an alert: %s, %s',
    (_name, _why, what, seen) => {
      expect(findAll(seen()).find((each) => what.test(each.what))).not.toHaveProperty('alert');
    },
  );

  it('names an alert in every finding that has no reason to name none, and only alerts that there are', () => {
    const found = [...Object.values(triggers), ...unalerted.map(({ seen }) => seen)].flatMap((trigger) =>
      findAll(trigger()),
    );
    for (const { what, alert } of found) {
      if (alert === undefined)
        expect(
          unalerted.some((each) => each.what.test(what)),
          what,
        ).toBe(true);
      else expect(names, what).toContain(alert);
    }
  });
});
