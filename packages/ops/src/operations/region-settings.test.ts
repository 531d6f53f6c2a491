import { defineCluster } from '@pgha/infra/cluster';
import { epochKey, patroniDynamicConfig, standbyClusterOf } from '@pgha/infra/machines';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Settings } from './dynamic-config.ts';
import { compareRegionSettings, standbyPatch } from './region-settings.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 }, dr: {} });
const { primary, dr } = cluster;
if (dr === null) throw new Error('two regions');

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** patroni.utils.patch_config of 4.0.7, to the letter: an object merged into nothing keeps the nulls inside it. */
function patched(config: Settings, patch: Settings): Settings {
  const result: Record<string, unknown> = { ...config };
  for (const [key, value] of Object.entries(patch)) {
    const own = result[key];
    if (value === null) delete result[key];
    else if (isObject(value) && isObject(own)) result[key] = patched(own, value);
    else result[key] = value;
  }
  return result;
}

const bootstrapped = patroniDynamicConfig(cluster, primary);
const etl = { type: 'logical', database: 'pgha', plugin: 'pgoutput' };
const edited = patched(bootstrapped, {
  slots: { etl },
  synchronous_node_count: 2,
  postgresql: { parameters: { wal_level: 'logical', log_statement: 'ddl' } },
});
const becoming = (now: Settings | null) => patched(now ?? {}, standbyPatch(cluster, primary, dr, 2, now));
const nulls = (value: unknown): boolean =>
  value === null || (isObject(value) && Object.values(value).some((each) => nulls(each)));

describe('a region that becomes the standby', () => {
  it('keeps what an operator set, and not the slot of the region that it follows', () => {
    expect(becoming(edited)).toEqual({
      ...edited,
      slots: { etl },
      [epochKey]: 2,
      standby_cluster: standbyClusterOf(primary, dr),
    });
  });

  it('has no slots section when nobody else made one, and no pause', () => {
    const then = becoming({ ...bootstrapped, pause: true });
    expect(then).not.toHaveProperty('slots');
    expect(then).not.toHaveProperty('pause');
  });

  it('gets the whole configuration where its etcd began empty', () => {
    const { slots: _slots, ...wanted } = bootstrapped;
    expect(becoming(null)).toEqual({ ...wanted, [epochKey]: 2, standby_cluster: standbyClusterOf(primary, dr) });
  });

  it('is afterwards what "pgha apply" would leave, whatever was there, and has no null that would make a slot', () => {
    const anySlots = fc.dictionary(
      fc.constantFrom('dr', 'home', 'etl', 'kept'),
      fc.constantFrom(etl, { type: 'physical' }),
    );
    const anyNow = fc.record(
      {
        slots: anySlots,
        ttl: fc.integer({ min: 20, max: 60 }),
        pause: fc.boolean(),
        postgresql: fc.record(
          { parameters: fc.record({ wal_level: fc.constantFrom('replica', 'logical'), wal_keep_size: fc.nat() }) },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anyNow, (now) => {
        const then = becoming(now);
        expect(nulls(then)).toBe(false);
        expect(compareRegionSettings(cluster, primary, then).changes).toEqual([]);
        const { dr: _ours, ...others } = now.slots ?? {};
        expect(then['slots'] ?? {}).toEqual(others);
        if (now.postgresql?.parameters?.wal_level === 'logical')
          expect(then).toMatchObject({ postgresql: { parameters: { wal_level: 'logical' } } });
        expect(becoming(then)).toEqual(then);
      }),
    );
  });
});
