import { nodeNamed, regionOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { at, cluster, holders, transaction } from '../../../test/model/observation.ts';
import type { HoldersObservation, Observation, RawMember } from '../../clients/observation.ts';
import { findAll } from './findings.ts';
import { holdersFindings } from './holders-findings.ts';
import type { ClusterObservation, MachineObservation } from './observe.ts';
import { slotFindings } from './slot-findings.ts';
import { thresholdOf } from './thresholds.ts';

type Machines = Readonly<Record<string, Partial<Observation>>>;

/** Database machines that say this of themselves; of everything else nothing is known. */
function observation(machines: Machines, members: readonly RawMember[] = []): ClusterObservation {
  const leads = (name: string) => members.some((each) => each.name === name && each.role === 'leader');
  const seenOf = (name: string, told: Partial<Observation>): MachineObservation => ({
    node: nodeNamed(cluster, name),
    region: regionOf(cluster, nodeNamed(cluster, name)),
    seen: {
      machine: name,
      at: at.toISOString(),
      needsReboot: false,
      disks: [],
      memory: { totalBytes: 1, availableBytes: 1 },
      certificates: [],
      units: { down: [], failed: [] },
      patroni: { patroni: { state: 'running', role: leads(name) ? 'primary' : 'replica' }, cluster: { members } },
      ...told,
    },
    problem: null,
  });
  return {
    at,
    cluster,
    machines: Object.entries(machines).map(([name, told]) => seenOf(name, told)),
    repositories: [],
  };
}

describe('what holds vacuum back', () => {
  it('is named with process, user, application, client, age and statement, and how it ends', () => {
    const found = holdersFindings(observation({ 'pg-1': { holders: holders({ transactions: [transaction()] }) } }));
    expect(found).toEqual([
      {
        what: 'pg-1: the transaction of pid 77 (user pgha_owner, application psql, client 10.20.0.9, idle in transaction, open for 12 min, last statement: select count(*) from items) holds back vacuum (12 transactions old)',
        remedy: 'wait until it finishes, or terminate it: select pg_terminate_backend(77) on pg-1',
        alert: 'VacuumHeldBack',
      },
    ]);
  });

  it('is no transaction below the bound of the alert, and no connection of a replica', () => {
    const short = transaction({ seconds: thresholdOf(cluster, 'VacuumHeldBack') });
    const walsender = transaction({ backendType: 'walsender', seconds: 1e6 });
    expect(
      holdersFindings(observation({ 'pg-1': { holders: holders({ transactions: [short, walsender] }) } })),
    ).toEqual([]);
  });

  it('may be a prepared transaction, which only its owner can judge', () => {
    const prepared = [{ name: 'x1', owner: 'app', database: 'pgha', seconds: 7_300, xidAge: 9 }];
    expect(holdersFindings(observation({ 'pg-1': { holders: holders({ prepared }) } }))).toMatchObject([
      {
        what: expect.stringContaining("prepared transaction 'x1' of app in pgha, prepared 2 h ago"),
        remedy: expect.stringContaining("rollback prepared 'x1'"),
      },
    ]);
  });

  it('may be the slot of a standby that is away', () => {
    const slot = { name: 'dr', type: 'physical', active: false, walStatus: 'extended' } as const;
    const seen = (inactiveSeconds: number | null, xidAge: number | null) =>
      slotFindings(
        observation({ 'pg-1': { holders: holders({ slots: [{ ...slot, inactiveSeconds, xidAge }] }) } }),
      ).map(({ what }) => what);
    expect(seen(600, 4_711)).toEqual([
      'pg-1: replication slot dr has been inactive for 10 min and holds back vacuum (its xmin is 4711 transactions old)',
    ]);
    expect(seen(600, null)).toEqual([]);
    expect(seen(thresholdOf(cluster, 'InactiveSlotHoldsXmin'), 4_711)).toEqual([]);
    expect(seen(null, 4_711)).toEqual([]);
  });
});

describe('what holds replay back', () => {
  const replica = (change: Partial<HoldersObservation>) =>
    holdersFindings(
      observation({ 'pg-2': { holders: holders({ inRecovery: true, replayPause: 'not paused', ...change }) } }),
    );

  it('is the query that replay waits for', () => {
    const transactions = [transaction({ pid: 1, seconds: 3 }), transaction({ pid: 2, seconds: 2 })];
    const conflict = { waitEventType: 'IPC', waitEvent: 'RecoveryConflictSnapshot', blockedBy: [] };
    expect(replica({ transactions, startup: conflict })).toMatchObject([
      { what: expect.stringMatching(/^pg-2: replay waits for the transaction of pid 1 /), alert: 'ReplicationLagHigh' },
    ]);
    const lock = { waitEventType: 'Lock', waitEvent: 'relation', blockedBy: [2] };
    expect(replica({ transactions, startup: lock })).toMatchObject([
      { what: expect.stringContaining('pid 2'), remedy: expect.stringContaining('pg_terminate_backend(2)') },
    ]);
    const idle = { waitEventType: 'Activity', waitEvent: 'RecoveryWalStream', blockedBy: [] };
    expect(replica({ transactions, startup: idle })).toEqual([]);
  });

  it('may be a pause that somebody forgot, or a setting that is too small', () => {
    expect(replica({ replayPause: 'paused' })).toMatchObject([
      { what: 'pg-2: replay is paused', remedy: expect.stringContaining('pg_wal_replay_resume()') },
    ]);
  });
});

describe('a member that does not start', () => {
  const members = (state: string): RawMember[] => [
    { name: 'pg-1', role: 'leader', state: 'running', timeline: 1 },
    { name: 'pg-2', role: 'replica', state },
    { name: 'pg-3', role: 'quorum_standby', state: 'streaming', timeline: 1, lag: 0 },
  ];
  const about = (name: string, machines: Machines, state: string) =>
    findAll(observation(machines, members(state))).filter(({ what }) => what.startsWith(name));

  it('waits for the transaction that has too many subtransactions, which a rebuild would meet as well', () => {
    const overflowed = transaction({ seconds: 20, subtransactions: 64, overflowed: true });
    const [found, ...others] = about(
      'pg-2',
      { 'pg-1': { holders: holders({ transactions: [overflowed] }) } },
      'starting',
    );
    expect(others).toEqual([]);
    expect(found?.what).toMatch(/^pg-2: cannot start as a standby while the transaction of pid 77 \(.*\) runs on pg-1/);
    expect(found?.remedy).toContain('pg_terminate_backend(77) on pg-1');
    expect(found?.remedy).not.toContain('reinit');
  });

  it('replays WAL where nothing of that kind is seen, and a rebuild would only take longer', () => {
    const seen = about('pg-2', { 'pg-1': { holders: holders({ transactions: [transaction()] }) } }, 'starting');
    expect(seen).toEqual([
      {
        what: 'pg-2: server is starting: crash recovery until it is consistent',
        remedy: 'wait: crash recovery may take minutes. Progress: journalctl -u patroni (on pg-2)',
        alert: 'ReplicaNotStreaming',
      },
    ]);
  });

  it('lacks the directory of a tablespace: its remedy is the directory, not a rebuild', () => {
    const failure = {
      message: 'directory "/var/lib/postgresql/ts" does not exist',
      hint: 'Create this directory for the tablespace before restarting the server.',
      context: 'WAL redo at 0/4000110 for Tablespace/CREATE: 16395 "/var/lib/postgresql/ts"',
    };
    const seen = about('pg-2', { 'pg-2': { replay: { failure } } }, 'start failed');
    expect(seen).toMatchObject([
      {
        what: 'pg-2: replay fails, the directory /var/lib/postgresql/ts of a tablespace is missing',
        remedy: expect.stringMatching(
          /^install --directory --owner=postgres --group=postgres --mode=0700 \/var\/lib\/postgresql\/ts as root on pg-2/,
        ),
      },
    ]);
    // of what was overcome a moment ago nothing is said
    expect(about('pg-2', { 'pg-2': { replay: { failure } } }, 'streaming')).toEqual([]);
  });

  it('is told the words of any other error that ends replay', () => {
    const failure = {
      message: 'could not access file "$libdir/x"',
      hint: null,
      context: 'WAL redo at 0/4 for Generic',
    };
    expect(about('pg-2', { 'pg-2': { replay: { failure } } }, 'crashed')).toMatchObject([
      { what: expect.stringContaining('could not access file') },
    ]);
  });
});
