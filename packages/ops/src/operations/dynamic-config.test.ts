import { defineCluster } from '@pgha/infra/cluster';
import { patroniDynamicConfig } from '@pgha/infra/machines';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDynamic, type DynamicFacts, onlyAgreed, type Settings } from './dynamic-config.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
const { slots, ...wanted } = patroniDynamicConfig(cluster, cluster.primary) as { slots: Settings } & Settings;
const facts: DynamicFacts = { logicalSlots: [], ofTheRegion: new Set(['slots.dr', 'standby_cluster']) };

/** RFC 7396, as Patroni merges a patch. */
function patched(now: Settings, patch: Settings): Settings {
  const change = ([key, value]: readonly [string, unknown]): readonly [string, unknown] => {
    const own = now[key];
    const isInner = typeof value === 'object' && value !== null && typeof own === 'object' && own !== null;
    return [key, isInner ? patched(own as Settings, value as Settings) : value];
  };
  return { ...now, ...Object.fromEntries(Object.entries(patch).map(change)) };
}

/** The configuration of the cluster, with what an operator edited. */
const edited = (parameters: Settings, more: Settings = {}) =>
  patched({ ...wanted, slots }, { postgresql: { parameters }, ...more });
const parameterOf = (settings: Settings, name: string) =>
  ((settings['postgresql'] as Settings)['parameters'] as Settings)[name];
const after = (now: Settings, with_: DynamicFacts = facts) => patched(now, compareDynamic(now, wanted, with_).patch);

describe('the dynamic configuration', () => {
  it('is what the cluster says after its bootstrap, however the values are spelt', () => {
    expect(compareDynamic({ ...wanted, slots }, wanted, facts)).toEqual({ changes: [], kept: [], patch: {} });
    const texts = edited({ max_connections: `${parameterOf(wanted, 'max_connections')}`, hot_standby: true });
    expect(compareDynamic(texts, wanted, facts)).toEqual({ changes: [], kept: [], patch: {} });
  });

  it('keeps wal_level "logical", names the slots that need it and what else is not in the file', () => {
    const etl = { type: 'logical', database: 'pgha', plugin: 'pgoutput' };
    const now = edited({ wal_level: 'logical', log_statement: 'ddl' }, { slots: { etl }, ttl: 45 });
    const found = compareDynamic(now, wanted, { ...facts, logicalSlots: ['etl on pg-1'] });
    expect(found.changes).toEqual([{ key: 'ttl', now: '45', wanted: `${wanted['ttl']}`, needsRestart: false }]);
    expect(found.patch).toEqual({ ttl: wanted['ttl'] });
    expect(found.kept).toMatchObject([
      {
        key: 'postgresql.parameters.wal_level',
        now: 'logical',
        wanted: 'replica',
        why: expect.stringContaining('etl on pg-1; etl, permanent'),
      },
      { key: 'postgresql.parameters.log_statement', now: 'ddl', wanted: null },
      { key: 'slots.etl', now: JSON.stringify(etl), wanted: null },
    ]);
  });

  it('keeps it without a slot as well: one may be made before the restart', () => {
    expect(parameterOf(after(edited({ wal_level: 'logical' })), 'wal_level')).toBe('logical');
    expect(parameterOf(after(edited({ wal_level: 'minimal' })), 'wal_level')).toBe('replica');
  });

  it('shows a value that the file decides, with the restart that it needs', () => {
    const { changes, kept } = compareDynamic(edited({ max_connections: 1_234 }), wanted, facts);
    const own = `${parameterOf(wanted, 'max_connections')}`;
    const change = { key: 'postgresql.parameters.max_connections', now: '1234', wanted: own, needsRestart: true };
    expect({ changes, kept }).toEqual({ changes: [change], kept: [] });
  });

  it('shows what an earlier release did not have, and what was taken out', () => {
    const { failsafe_mode: _removed, ...older } = wanted;
    expect(compareDynamic({ ...older, check_timeline: null }, wanted, facts).changes).toMatchObject([
      { key: 'failsafe_mode', now: null, wanted: 'true' },
      { key: 'check_timeline', now: null, wanted: 'true' },
    ]);
  });

  it('never takes back more standbys that have to confirm', () => {
    expect(after(edited({}, { synchronous_node_count: 2 }))['synchronous_node_count']).toBe(2);
    expect(after(edited({}, { synchronous_mode: false }))['synchronous_mode']).toBe('quorum');
  });

  it('does not name what says which region is the primary one', () => {
    const now = { ...wanted, slots, standby_cluster: { host: 'a,b', port: 5432 } };
    expect(compareDynamic(now, wanted, facts)).toEqual({ changes: [], kept: [], patch: {} });
  });
});

const numbers = [
  'max_worker_processes',
  'max_wal_senders',
  'max_replication_slots',
  'max_prepared_transactions',
  'max_locks_per_transaction',
];
/** What an operator may have left: values below and above the file's, as numbers or texts, and keys of his own. */
const anyNow = fc
  .record({
    parameters: fc.dictionary(
      fc.constantFrom(...numbers, 'max_connections', 'wal_keep_size', 'work_mem', 'pg_stat_statements.max'),
      fc.oneof(fc.nat(2_000), fc.nat(2_000).map(String)),
    ),
    walLevel: fc.constantFrom('minimal', 'replica', 'logical'),
    slots: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,6}$/),
      fc.record({ type: fc.constantFrom('logical', 'physical') }),
    ),
    own: fc.dictionary(fc.stringMatching(/^own_[a-z]{1,6}$/), fc.oneof(fc.nat(), fc.boolean(), fc.string())),
  })
  .map(({ parameters, walLevel, slots: more, own }) =>
    edited({ ...parameters, wal_level: walLevel }, { slots: more, ...own }),
  );

describe('whatever an operator left', () => {
  it('a member that could start still can: nothing it may rest on becomes less', () => {
    fc.assert(
      fc.property(anyNow, (now) => {
        const then = after(now);
        for (const name of numbers)
          expect(Number(parameterOf(then, name))).toBeGreaterThanOrEqual(Number(parameterOf(now, name)));
        if (parameterOf(now, 'wal_level') === 'logical') expect(parameterOf(then, 'wal_level')).toBe('logical');
      }),
    );
  });

  it('the least that the cluster needs is there', () => {
    fc.assert(
      fc.property(anyNow, (now) => {
        for (const name of numbers)
          expect(Number(parameterOf(after(now), name))).toBeGreaterThanOrEqual(Number(parameterOf(wanted, name)));
        expect(['replica', 'logical']).toContain(parameterOf(after(now), 'wal_level'));
      }),
    );
  });

  it('every key that changes is named, every key that is not in the file stays, and a second run changes nothing', () => {
    fc.assert(
      fc.property(anyNow, (now) => {
        const found = compareDynamic(now, wanted, facts);
        const then = patched(now, found.patch);
        expect(then['slots']).toEqual(now['slots']);
        expect(compareDynamic(then, wanted, facts)).toEqual({ changes: [], kept: found.kept, patch: {} });
        expect(onlyAgreed(found, found.changes)).toEqual(found.patch);
        expect(onlyAgreed(found, [])).toEqual({});
        const named = new Set([...found.changes, ...found.kept].map(({ key }) => key));
        for (const key of Object.keys(now))
          if (key.startsWith('own_') && now[key] !== null) expect(named).toContain(key);
      }),
    );
  });
});
