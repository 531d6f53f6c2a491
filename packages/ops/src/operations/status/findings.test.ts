import { describe, expect, it } from 'vitest';
import {
  backup,
  database,
  hoursAgo,
  isDatabase,
  machine,
  observation,
  primaryMembers,
  standbyMembers,
  withMachine,
} from '../../../test/model/observation.ts';
import type { Observation } from '../../clients/observation.ts';
import { renderStatus } from '../../commands/status-report.ts';
import { findAll } from './findings.ts';
import type { ClusterObservation, MachineObservation } from './observe.ts';
import { statusOf } from './status.ts';

const whatOf = (seen: ClusterObservation) => findAll(seen).map(({ what }) => what);

describe('the state of a cluster', () => {
  it('needs nobody when all is well', () => {
    expect(findAll(observation())).toEqual([]);
    expect(statusOf(observation())).toMatchObject({
      acting: 'us-east-1',
      regions: [{ role: 'acting' }, { role: 'standby', lagSeconds: expect.any(Number) }],
    });
  });

  it('tells an etcd that answers too late from one whose machines are off', () => {
    const remedyOf = (etcd: (name: string) => MachineObservation) => {
      const machines = observation().machines.map((each) =>
        each.node.role === 'etcd' && each.region.kind === 'primary' ? etcd(each.node.name) : each,
      );
      return findAll(observation({ machines })).find(({ what }) => what === 'us-east-1: etcd is not responding')
        ?.remedy;
    };
    const late = remedyOf((name) => machine(name, { etcd: { error: 'context deadline exceeded' } }));
    expect(late).toMatch(/^check the log: journalctl -u etcd \(on etcd-1\)/);
    const off = (name: string) => ({ ...machine(name), seen: null, problem: 'off' });
    expect(remedyOf(off)).toMatch(/^start its nodes;/);
    const lonely = remedyOf((name) =>
      name === 'etcd-1' ? machine(name, { etcd: { error: 'no leader' } }) : off(name),
    );
    expect(lonely).toMatch(/^start its nodes;/);
  });

  it.each<[string, Partial<Observation>, string]>([
    [
      'a full disk',
      { disks: [{ mount: '/', sizeBytes: 100, freeBytes: 10 }] },
      'pg-1: / is 90 % full (threshold 80 %)',
    ],
    [
      'a certificate that ends',
      { certificates: [{ path: '/x.crt', notAfter: '2026-03-20T00:00:00Z' }] },
      'pg-1: certificate /x.crt expires on 2026-03-20',
    ],
    [
      'a unit that does not run',
      { units: { down: ['haproxy.service'], failed: [] } },
      'pg-1: haproxy.service is not running',
    ],
    ['a part that was not told', { router: { error: 'no socket' } }, 'pg-1: HAProxy is not responding: no socket'],
    [
      'a part that was not told, by a program that does not tell the units',
      { units: undefined as never, router: { error: 'no socket' } },
      'pg-1: HAProxy is not responding: no socket',
    ],
    [
      'a pooler that nobody resumed',
      { pooler: { paused: true, clients: 0, waiting: 3, maxWaitSeconds: 8.5, servers: 0 } },
      'pg-1: PgBouncer is paused although there is a primary',
    ],
    [
      'a router that has lost the primary',
      { router: { primary: [], replica: ['pg-2'] } },
      'pg-1: HAProxy does not route to the primary pg-1',
    ],
    [
      'a router that follows another one as well',
      { router: { primary: ['pg-1', 'pg-3'], replica: ['pg-2'] } },
      'pg-1: HAProxy routes writes to pg-3, but the primary is pg-1',
    ],
    [
      'a router that sees no replica',
      { router: { primary: ['pg-1'], replica: [] } },
      'pg-1: HAProxy routes reads to no replica although one is streaming',
    ],
    [
      'an archive that stands still',
      {
        database: {
          ...database(false),
          walWaiting: 4,
          archiver: { lastArchivedWal: null, lastArchivedAt: hoursAgo(1).toISOString(), lastFailedAt: null },
        },
      },
      'pg-1: WAL archive backlog: 4 segments pending, last archived 3600 s ago',
    ],
    [
      'an archive that is slower than the WAL, though it archives, with the repository that is behind',
      {
        database: {
          ...database(false),
          walWaiting: 31,
          archiver: { lastArchivedWal: null, lastArchivedAt: hoursAgo(0).toISOString(), lastFailedAt: null },
        },
        health: [{ name: 'pgha_wal_archive_lag_seconds', labels: '', value: 312.4 }],
      },
      'pg-1: WAL archiving is 312 s behind: 31 segments pending (repository 1: last archived 000000010000000000000009, repository 2: last archived 000000010000000000000009)',
    ],
  ])('names %s', (_what, change, said) => {
    expect(whatOf(withMachine(machine('pg-1', change)))).toEqual([said]);
  });

  it('names a machine that cannot be asked, and why', () => {
    const lost: MachineObservation = { ...machine('api-1'), seen: null, problem: 'api-1 is stopped' };
    expect(whatOf(withMachine(lost))).toEqual(['api-1: unreachable: api-1 is stopped']);
  });

  it('tells the ways in of each member: where its router sends to, and who waits in its pool', () => {
    const pooler = { paused: false, clients: 4, waiting: 2, maxWaitSeconds: 1.25, servers: 4 };
    const { regions } = statusOf(withMachine(machine('pg-2', { pooler })));
    expect(regions.map(({ routes }) => routes.map(({ machine: name }) => name))).toEqual([
      ['pg-1', 'pg-2', 'pg-3'],
      ['dr-pg-1'],
    ]);
    expect(regions[0]?.routes[1]).toEqual({
      machine: 'pg-2',
      router: { primary: ['pg-1'], replica: ['pg-2'] },
      pooler,
    });
    expect(regions[0]?.pooler).toMatchObject({ clients: 6, waiting: 2 });
    expect(renderStatus(statusOf(withMachine(machine('pg-2', { pooler }))))).toMatch(
      /pg-2 +pg-1 +pg-2 +active +4 +2 +1\.3 s +4\n/,
    );
  });

  it('asks of no router for a replica that is far behind', () => {
    const members = primaryMembers.map((each) => (each.role === 'leader' ? each : { ...each, lag: 65 * 1024 ** 2 }));
    const machines = observation().machines.map((each) =>
      isDatabase(each.node) && each.region.kind === 'primary'
        ? machine(each.node.name, {
            patroni: { patroni: { state: 'running', role: 'replica' }, cluster: { members } },
            router: { primary: ['pg-1'], replica: [] },
          })
        : each,
    );
    expect(whatOf(observation({ machines })).filter((what) => what.includes('HAProxy'))).toEqual([]);
  });

  it('names two primaries before anything else', () => {
    const members = [{ name: 'dr-pg-1', role: 'leader', state: 'running', timeline: 2 }];
    const both = withMachine(
      machine('dr-pg-1', {
        patroni: { patroni: { state: 'running', role: 'primary' }, cluster: { members } },
        database: database(false),
      }),
    );
    expect(whatOf(both)[0]).toBe('split-brain: pg-1 (us-east-1) and dr-pg-1 (us-west-2) accept writes');
  });

  it.each<[string, string, readonly string[], string]>([
    ['a replica', 'pg-2', ['pg-1', 'pg-3'], 'pgha nodes reinit pg-2'],
    ['the leader of a standby region', 'dr-pg-1', [], 'pgha dr rejoin --rebuild'],
  ])('says how %s is built anew', (_who, name, others, command) => {
    const members = [...primaryMembers, ...standbyMembers].filter((each) => others.includes(each.name));
    const own = observation().machines.filter(
      ({ node, region }) => isDatabase(node) && region === machine(name).region,
    );
    const without = own.map(({ node }) =>
      machine(node.name, {
        patroni:
          node.name === name
            ? { error: 'Connection refused' }
            : { patroni: { state: 'running', role: 'replica' }, cluster: { members } },
      }),
    );
    const machines = observation().machines.map((each) => without.find(({ node }) => node === each.node) ?? each);
    const found = findAll(observation({ machines }));
    expect(found.map(({ remedy }) => remedy).join('\n')).toContain(command);
  });

  it('says how a region whose WAL was not kept for it is built anew', () => {
    const slots = ['dr', 'pg_2'].map((name) => ({ name, active: false, walStatus: 'lost', keptBytes: null }));
    const found = findAll(withMachine(machine('pg-1', { database: { ...database(false), slots } })));
    expect(found.map(({ remedy }) => remedy)).toEqual([
      'rebuild the standby region and recreate the slot: pgha dr rejoin --rebuild',
      'reinitialize its member, which recreates the slot: pgha nodes reinit',
    ]);
  });

  it('names old backups by the bounds of the alerts, and a repository that is away', () => {
    const [first, second] = observation().repositories;
    if (first === undefined || second === undefined) return expect.fail('two repositories');
    const old = { ...first, seen: { key: 1, backups: [backup('full', 24 * 9)], archivedUpTo: null } };
    const away = { ...second, seen: null, problem: 'timed out' };
    expect(whatOf(observation({ repositories: [old, away] }))).toEqual([
      'repository 1 (us-east-1): the last full backup is 9 days old',
      'repository 1 (us-east-1): the last backup is 216 hours old',
      'repository 2 (us-west-2): unreachable: timed out',
    ]);
  });

  const tested = (repository: number, days: number, problem: string | null = null) => ({
    repository,
    backup: `of-${repository}`,
    endedAt: hoursAgo(24 * days).toISOString(),
    ok: problem === null,
    problem,
    succeededAt: problem === null ? hoursAgo(24 * days).toISOString() : null,
  });
  const since = (days: number) => hoursAgo(24 * days).toISOString();

  it('names a repository whose newest restore test failed, whichever machine ran it', () => {
    const seen = observation({
      machines: observation().machines.map((each) =>
        each.node.name === 'pg-2'
          ? machine('pg-2', { restoreTests: { expectedSince: since(30), results: [tested(1, 8), tested(2, 1)] } })
          : each.node.name === 'pg-3'
            ? machine('pg-3', {
                restoreTests: {
                  expectedSince: since(30),
                  results: [tested(1, 2, '1 of 3 tables differ'), tested(2, 8, 'an older one')],
                },
              })
            : each,
      ),
    });
    expect(whatOf(seen)).toEqual([
      'repository 1: the restore test of backup of-1 on pg-3 failed: 1 of 3 tables differ',
    ]);
    expect(statusOf(seen).repositories).toMatchObject([
      { restoreTest: { machine: 'pg-3', ok: false, problem: '1 of 3 tables differ' } },
      { restoreTest: { machine: 'pg-2', ok: true, endedAt: since(1) } },
    ]);
  });

  it.each<[string, number, number | null, readonly string[]]>([
    ['one that is too old', 30, 10, ['no restore test has succeeded for 10 days']],
    ['one that was never there', 12, null, ['no restore test has succeeded for 12 days']],
    ['not one of last week', 30, 8, []],
    ['not a new cluster', 8, null, []],
  ])('by the bound of the alert on restore tests: %s', (_what, sinceDays, testDays, said) => {
    const results = testDays === null ? [] : [tested(1, testDays)];
    expect(
      whatOf(withMachine(machine('pg-2', { restoreTests: { expectedSince: since(sinceDays), results } }))),
    ).toEqual(said);
  });
});
