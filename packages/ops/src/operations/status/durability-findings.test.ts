import { signalsOf } from '@pgha/infra/signals';
import { describe, expect, it } from 'vitest';
import { at, cluster, database, machine } from '../../../test/model/observation.ts';
import type { DurabilityOverride } from '../../clients/durability.ts';
import type { Observation } from '../../clients/observation.ts';
import { durabilityFindings, resetStatement } from './durability-findings.ts';
import { findAll } from './findings.ts';
import type { ClusterObservation } from './observe.ts';

const nothing = { database: null, role: null, file: null, line: null, applied: null };
const auto = { ...nothing, file: '/d/postgresql.auto.conf', line: 3, applied: true };
const override = (change: Partial<DurabilityOverride>): DurabilityOverride => ({
  ...nothing,
  setting: 'synchronous_commit',
  value: 'off',
  level: 'database',
  ...change,
});

/** Three members, of which pg-2 is the primary, each with what its program tells. */
function observation(overrides: Readonly<Record<string, readonly DurabilityOverride[]>>): ClusterObservation {
  const members = ['pg-1', 'pg-2', 'pg-3'].map((name) => ({
    name,
    role: name === 'pg-2' ? 'leader' : 'replica',
    state: name === 'pg-2' ? 'running' : 'streaming',
    timeline: 1,
  }));
  const machines = ['pg-1', 'pg-2', 'pg-3'].map((name) =>
    machine(name, {
      patroni: {
        patroni: { state: 'running', role: name === 'pg-2' ? 'primary' : 'replica' },
        cluster: { members },
      },
      database: database(name !== 'pg-2'),
      durability: { overrides: overrides[name] ?? [] },
    }),
  );
  return { at, cluster, machines, repositories: [] };
}

const everybody = (each: DurabilityOverride) => observation({ 'pg-1': [each], 'pg-2': [each], 'pg-3': [each] });

describe('overrides of durability settings', () => {
  it('are findings of the alert’s name', () => {
    const names = signalsOf(cluster).map(({ name }) => name);
    for (const { alert } of durabilityFindings(everybody(override({ database: 'pgha' }))))
      expect(names).toContain(alert);
  });

  it.each<[string, Partial<DurabilityOverride>, string, string]>([
    [
      'a database',
      { database: 'pgha' },
      "database pgha: synchronous_commit = 'off' (ALTER DATABASE)",
      `on pg-2: runuser -u postgres -- psql -c 'alter database "pgha" reset synchronous_commit'`,
    ],
    [
      'a role',
      { level: 'role', role: 'app_a' },
      "role app_a: synchronous_commit = 'off' (ALTER ROLE)",
      `psql -c 'alter role "app_a" reset synchronous_commit'`,
    ],
    [
      'a role in a database',
      { level: 'role-in-database', role: 'app_a', database: 'pgha' },
      "role app_a in database pgha: synchronous_commit = 'off'",
      `psql -c 'alter role "app_a" in database "pgha" reset synchronous_commit'`,
    ],
    [
      'everybody',
      { level: 'all-roles' },
      "all roles: synchronous_commit = 'off' (ALTER ROLE ALL)",
      `psql -c 'alter role all reset synchronous_commit'`,
    ],
  ])('are named once when they are stored for %s, with the command that takes them back on the primary', (...each) => {
    const [_where, change, what, remedy] = each;
    const found = durabilityFindings(everybody(override(change)));
    expect(found).toHaveLength(1);
    expect(found[0]?.what).toContain(what);
    expect(found[0]?.remedy).toContain(remedy);
    expect(found[0]?.remedy).toContain('on pg-2: ');
  });

  it('are named for each member whose own files have them', () => {
    const each = override({ ...auto, setting: 'fsync', level: 'system' });
    const found = durabilityFindings(observation({ 'pg-1': [each], 'pg-3': [{ ...each, applied: false }] }));
    expect(found.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^pg-1: fsync = 'off' in \/d\/postgresql\.auto\.conf:3 \(ALTER SYSTEM\): a host crash/),
      expect.stringMatching(
        /^pg-3: fsync = 'off' in \/d\/postgresql\.auto\.conf:3 \(ALTER SYSTEM\), not yet in effect: /,
      ),
    ]);
    expect(found[1]?.remedy).toContain('pgha apply');
    expect(found[1]?.remedy).toContain('only on pg-3: pgha-durability take-back fsync');
  });

  it('quote names that are not plain', () => {
    expect(resetStatement(override({ database: 'a"b' }))).toBe('alter database "a""b" reset synchronous_commit');
    const [found] = durabilityFindings(everybody(override({ database: "it's" })));
    expect(found?.remedy).toContain(`psql -c 'alter database "it'\\''s" reset synchronous_commit'`);
  });

  it('are nothing on a machine whose program does not tell them, and nothing where there are none', () => {
    const seen = observation({});
    expect(durabilityFindings(seen)).toEqual([]);
    const older = seen.machines.map((each) => {
      const { durability: _durability, ...rest } = each.seen as Observation;
      return { ...each, seen: rest as Observation };
    });
    expect(durabilityFindings({ ...seen, machines: older })).toEqual([]);
  });
});

describe('a primary that was told which standbys to wait for', () => {
  const missing = /no synchronous standby/;
  const names = override({ ...auto, setting: 'synchronous_standby_names', value: '', level: 'system' });

  it('is named as what it is, and no member is called missing', () => {
    const what = findAll(observation({ 'pg-2': [names] })).map((each) => each.what);
    expect(what).toContainEqual(
      expect.stringContaining("pg-2: synchronous_standby_names = '' in /d/postgresql.auto.conf:3 (ALTER SYSTEM)"),
    );
    expect(what.filter((each) => missing.test(each))).toEqual([]);
  });

  it('leaves the finding about a missing member to members that are missing', () => {
    for (const seen of [observation({}), observation({ 'pg-1': [names] })])
      expect(findAll(seen).filter((each) => missing.test(each.what))).toHaveLength(1);
  });
});
