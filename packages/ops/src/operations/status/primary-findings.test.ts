import { describe, expect, it } from 'vitest';
import {
  database,
  machine,
  observation,
  off,
  primaryMembers,
  withMachine,
  withMachines,
} from '../../../test/model/observation.ts';
import type { Observation, PatroniSelf, RawMember } from '../../clients/observation.ts';
import { renderStatus } from '../../commands/status-report.ts';
import { findAll } from './findings.ts';
import type { ClusterObservation } from './observe.ts';
import { statusOf } from './status.ts';

const whatOf = (seen: ClusterObservation) => findAll(seen).map(({ what }) => what);
const allOf = (seen: ClusterObservation) =>
  findAll(seen)
    .map(({ what, remedy }) => `${what}: ${remedy}`)
    .join('\n');
const harmful = /pgha (failover|dr failover|nodes reinit|nodes replace)/;

/** What a database machine says of itself, beside what etcd has of all. */
const says = (
  self: Partial<PatroniSelf>,
  members: readonly RawMember[] | null,
  writes = false,
): Partial<Observation> => ({
  patroni: {
    patroni: { state: 'running', role: writes ? 'primary' : 'replica', ...self },
    cluster: members === null ? { error: 'the connection was closed without an answer' } : { members },
  },
  database: database(!writes),
});

const withoutPrimary: readonly RawMember[] = primaryMembers.filter(({ name }) => name !== 'pg-1');

describe('a primary that only its own words name', () => {
  /** etcd has no leader any more; pg-1 acknowledges writes with the leave of every member. */
  const cut = withMachines([
    machine('pg-1', says({ failsafe_mode_is_active: true }, null, true)),
    machine('pg-2', says({ replication_state: 'streaming' }, withoutPrimary)),
    machine('pg-3', says({ replication_state: 'streaming' }, withoutPrimary)),
  ]);

  it('is the primary when it is cut off from etcd only, and nothing that harms it is advised', () => {
    const status = statusOf(cut);
    expect(status.acting).toBe('us-east-1');
    expect(status.regions[0]).toMatchObject({ role: 'acting' });
    expect(status.findings).toEqual([
      {
        what: 'pg-1: primary in failsafe mode, accepts writes: it cannot reach etcd of us-east-1',
        remedy: expect.stringContaining('restore the connection from pg-1 to port 2379 of etcd-1, etcd-2, etcd-3'),
        alert: 'FailsafeMode',
        severity: expect.stringMatching(/^(critical|warning)$/),
        runbook: 'docs/runbooks/alerts.md#failsafemode',
      },
    ]);
    expect(allOf(cut)).not.toMatch(harmful);
    expect(renderStatus(status)).toMatch(/pg-1 +Leader \(failsafe mode\) +running/);
  });

  it('is the primary when etcd has no quorum at all', () => {
    const error = { error: 'context deadline exceeded' };
    const quorumLost = withMachines([
      machine('pg-1', says({ failsafe_mode_is_active: true }, null, true)),
      machine('pg-2', says({ replication_state: 'streaming', failsafe_mode_is_active: true }, null)),
      machine('pg-3', says({ replication_state: 'streaming', failsafe_mode_is_active: true }, null)),
      machine('etcd-1', { etcd: error }),
      off('etcd-2'),
      off('etcd-3'),
    ]);
    expect(whatOf(quorumLost)).toEqual([
      'pg-1: primary in failsafe mode, accepts writes: etcd of us-east-1 has no quorum',
      'us-east-1: etcd is not responding',
      'etcd-2: unreachable: etcd-2 is stopped',
      'etcd-3: unreachable: etcd-3 is stopped',
      'etcd-1: etcd is not responding: context deadline exceeded',
    ]);
  });

  it('is told of when etcd names another member', () => {
    const other = primaryMembers.map((each) => ({ ...each, role: each.name === 'pg-2' ? 'leader' : 'replica' }));
    const seen = withMachines([
      machine('pg-1', says({}, other, true)),
      machine('pg-2', says({ state: 'starting' }, other)),
    ]);
    expect(whatOf(seen)[0]).toBe('pg-1: accepts writes, but the leader in etcd of us-east-1 is pg-2');
  });

  it('is one too many when two members accept writes, and the one that etcd does not name is stopped', () => {
    const members = primaryMembers.map((each) => ({ ...each, role: each.name === 'pg-2' ? 'leader' : 'replica' }));
    const [first] = findAll(
      withMachines([machine('pg-1', says({}, null, true)), machine('pg-2', says({}, members, true))]),
    );
    expect(first).toMatchObject({
      what: 'split-brain: pg-1 (us-east-1) and pg-2 (us-east-1) accept writes',
      alert: 'SplitBrain',
    });
    // no machine's list counts more than the words of the two
    expect(first?.remedy).toContain('systemctl stop patroni on');
  });
});

describe('no primary', () => {
  const lost = (self: Partial<PatroniSelf> = {}) => [
    off('pg-1'),
    machine('pg-2', says({ replication_state: 'streaming', ...self }, withoutPrimary)),
    machine('pg-3', says({ replication_state: 'streaming', ...self }, withoutPrimary)),
  ];

  it('is a matter of waiting while Patroni is about to promote a member', () => {
    const [first, ...others] = findAll(withMachines(lost()));
    expect(first).toEqual({
      what: 'no primary: writes are queued, then rejected; last commit 4 s ago',
      remedy:
        'automatic failover to pg-2 or pg-3 is expected within about 30 s. Do not reinitialize the former primary. ' +
        'If there is still no primary after that: pgha failover --dry-run. If the whole region is down: pgha dr failover',
      alert: 'NoPrimary',
    });
    expect(others).toEqual([
      {
        what: 'pg-1: unreachable: pg-1 is stopped',
        remedy: 'start it. If it does not recover: pgha nodes replace pg-1',
        alert: 'NodeDown',
      },
    ]);
  });

  it('says neither of a pooler that it should be open nor of a member that it should be rebuilt', () => {
    const paused = { paused: true, clients: 0, waiting: 3, maxWaitSeconds: 8.5, servers: 0 };
    const machines = lost().map((each) =>
      each.seen === null ? each : { ...each, seen: { ...each.seen, pooler: paused, router: { primary: [] } } },
    );
    // its lease has not run out yet
    const leased = machines.map((each) =>
      each.seen === null
        ? each
        : { ...each, seen: { ...each.seen, ...says({ replication_state: 'streaming' }, primaryMembers) } },
    );
    for (const seen of [withMachines(machines), withMachines(leased)]) {
      expect(allOf(seen)).not.toMatch(/PgBouncer|reinit pg|not a member/);
    }
  });

  it('is not claimed when no member can be asked, nor a machine called off that is slow', () => {
    const slow = (name: string) => ({ ...off(name), problem: `${name}: "pgha-observe" did not end within 30000 ms` });
    const [first, ...others] = findAll(withMachines(['pg-1', 'pg-2', 'pg-3'].map(slow)));
    expect(first?.what).toBe('us-east-1: unknown whether there is a primary: no member is reachable');
    expect(others.find(({ what }) => what.startsWith('pg-1'))?.remedy).toMatch(/^it is running but overloaded/);
  });

  it('waits for etcd where it has no quorum, and for nobody where failover is paused', () => {
    const error = { error: 'no leader' };
    const noQuorum = withMachines([...lost(), machine('etcd-1', { etcd: error }), off('etcd-2'), off('etcd-3')]);
    expect(findAll(noQuorum)[0]?.remedy).toMatch(/^start the etcd nodes of us-east-1 first/);
    expect(findAll(withMachines(lost({ pause: true })))[0]?.remedy).toContain('patronictl resume');
  });

  it('is for a person when no member may be promoted, and the machine that is off comes first', () => {
    const members = withoutPrimary.map((each) => ({ ...each, role: 'replica' }));
    const seen = withMachines([
      off('pg-1'),
      machine('pg-2', says({ replication_state: 'streaming' }, members)),
      machine('pg-3', says({ replication_state: 'streaming' }, members)),
    ]);
    expect(findAll(seen)[0]?.remedy).toMatch(/^start pg-1: no data is lost. Otherwise: pgha failover --dry-run/);
  });
});

describe('a member that does not serve', () => {
  const withState = (state: string, change: Partial<Observation> = {}, role = 'quorum_standby') => {
    const members = primaryMembers.map((each) => (each.name === 'pg-2' ? { ...each, role, state } : each));
    return withMachines([
      machine('pg-1', says({}, members, true)),
      machine('pg-2', { ...says({ state }, members), ...change }),
    ]);
  };

  it.each<[string, string, RegExp]>([
    ['creating replica', 'pg-2: replica is being created', /^wait: it joins automatically/],
    ['starting', 'pg-2: server is starting: crash recovery until it is consistent', /^wait: crash recovery/],
    ['in archive recovery', 'pg-2: replica is not streaming (state: in archive recovery)', /^wait: it catches up/],
    ['stopped', 'pg-2: server is stopped', /pgha nodes restart pg-2$/],
    ['running', 'pg-2: replica is not streaming (state: running)', /If it diverged .* pgha nodes reinit pg-2$/],
    ['start failed', 'pg-2: state is start failed', /pgha nodes reinit pg-2$/],
  ])('in the state "%s" has a remedy that works', (state, what, remedy) => {
    expect(findAll(withState(state))).toEqual([
      { what, remedy: expect.stringMatching(remedy), alert: 'ReplicaNotStreaming' },
    ]);
  });

  it('is started by who stopped it', () => {
    const paused = withState('stopped', says({ state: 'stopped', pause: true }, primaryMembers));
    expect(allOf(paused)).toContain(
      'pg-2: server is stopped, and automatic failover is paused: after the maintenance: patronictl resume',
    );
    const units = { down: ['patroni.service'], failed: [] };
    const ended = withState('stopped', { units, patroni: { error: 'Connection refused' } });
    expect(allOf(ended)).toContain('pg-2: server is stopped, Patroni is not running: on pg-2: systemctl start patroni');
  });

  it('is said once to be off when its machine is', () => {
    const members = primaryMembers.filter(({ name }) => name !== 'pg-2');
    const seen = withMachines([machine('pg-1', says({}, members, true)), off('pg-2')]);
    expect(whatOf(seen)).toEqual(['pg-2: unreachable: pg-2 is stopped']);
  });

  it('is not told to be rebuilt while no other member leads', () => {
    const members = [{ name: 'pg-2', role: 'replica', state: 'start failed' }];
    const seen = withMachines([off('pg-1'), machine('pg-2', says({ state: 'start failed' }, members)), off('pg-3')]);
    expect(allOf(seen)).not.toMatch(/nodes reinit/);
  });
});

describe('an alarm of etcd', () => {
  const members = [1, 2, 3].map((number) => ({
    endpoint: `https://etcd-${number}.example:2379`,
    id: `${number}`,
    isLeader: number === 1,
    databaseBytes: 1,
    errors: [],
  }));

  it('is named with the member that raised it', () => {
    const alarms = [{ member: '2', alarm: 'NOSPACE' }];
    expect(findAll(withMachine(machine('etcd-1', { etcd: { members, alarms } })))).toEqual([
      {
        what: 'us-east-1: etcd alarm NOSPACE on etcd-2.example',
        remedy: expect.stringContaining('alarm disarm'),
        alert: 'EtcdAlarm',
      },
    ]);
  });

  it('is read from an older program as well', () => {
    const alarms = ['memberID:10501334649042878790', 'alarm:NOSPACE'];
    expect(whatOf(withMachine(machine('etcd-1', { etcd: { members, alarms } })))).toEqual([
      'us-east-1: etcd alarm NOSPACE',
    ]);
  });
});

it('needs nobody when all is well', () => {
  expect(findAll(observation())).toEqual([]);
});
