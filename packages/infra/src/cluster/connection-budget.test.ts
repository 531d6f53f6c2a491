import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderMachine, type Site } from '../machines/index.ts';
import {
  connectionBudget,
  connectionsAtMost,
  connectionsBesidePools,
  divideConnections,
  isBudgetSound,
  maxConnections,
  programConnectionsPerMember,
  reservedSlots,
  servicePoolSize,
} from './connection-budget.ts';
import { defineCluster } from './define-cluster.ts';
import type { ClusterInput } from './input.ts';
import { withDefaults } from './input.ts';
import { instanceTypes } from './instance-types.ts';
import { findProblems } from './rules/find-problems.ts';
import { membersOf, nodesOf, regionsOf } from './topology.ts';

const type = fc.constantFrom(...Object.keys(instanceTypes));
/** Every shape of the connections there may be. */
const legalInput: fc.Arbitrary<ClusterInput> = fc.record({
  primary: fc.record({ postgres: fc.constantFrom(2, 3) }),
  dr: fc.option(fc.record({ postgres: fc.constantFrom(1, 2, 3), apiServer: fc.boolean() }), { nil: null }),
  instanceTypes: fc.record({ postgres: type, standby: type }),
});

const site: Site = {
  kind: 'lab',
  ssmEndpoint: null,
  s3Endpoint: null,
  extraCa: null,
  hosts: {},
  packagesPreinstalled: true,
  watchdog: 'none',
  dataDevice: null,
  artifactBucket: 'artifacts',
  backupBuckets: { primary: 'backups', dr: 'backups-dr' },
};

/** What a program of the machine is told, as it stands in the rendered files. */
function configured(files: readonly { content: string }[], pattern: RegExp): number[] {
  return files.flatMap(({ content }) => [...content.matchAll(pattern)].map(([, value]) => Number(value)));
}

describe('the connection pools', () => {
  it('fit the slots for ordinary logins in every supported cluster, whichever region acts and whoever is its primary', () => {
    fc.assert(
      fc.property(legalInput, (input) => {
        const cluster = defineCluster(input);
        for (const region of regionsOf(cluster)) {
          const budget = connectionBudget(cluster, region);
          expect(isBudgetSound(budget)).toBe(true);
          expect(connectionsAtMost({ ...budget, service: servicePoolSize(cluster) })).toBeLessThanOrEqual(
            maxConnections(cluster) - reservedSlots.superuser - reservedSlots.privileged,
          );
          // the alert sums what it can see of the same
          const seen = budget.members * (budget.pgbouncer + programConnectionsPerMember);
          expect(seen + connectionsBesidePools(cluster)).toBeLessThanOrEqual(budget.ordinary);
        }
      }),
    );
  });

  it('leave a login free of PgBouncer that no pool of a user can take, so that verifiers can be read under load', () => {
    fc.assert(
      fc.property(legalInput, (input) => {
        const cluster = defineCluster(input);
        for (const region of regionsOf(cluster)) {
          const { pgbouncer } = connectionBudget(cluster, region);
          expect(Math.max(2, Math.floor(pgbouncer * 0.8))).toBeLessThan(pgbouncer);
        }
      }),
    );
  });

  it('are what the machines are told: the sum of the rendered files fits', () => {
    fc.assert(
      fc.property(legalInput, (input) => {
        const cluster = defineCluster(input);
        const files = (role: 'postgres' | 'standby' | 'api', region: (typeof cluster)['primary']) =>
          nodesOf(region, role).map((node) => renderMachine(cluster, node, site).files);
        const services = regionsOf(cluster)
          .flatMap((region) => files('api', region))
          .flatMap((each) => configured(each, /DB_POOL_MAX_SIZE=(\d+)/g));
        expect(services).toHaveLength(2 * regionsOf(cluster).flatMap((region) => nodesOf(region, 'api')).length);
        for (const region of regionsOf(cluster)) {
          const members = files(region.kind === 'primary' ? 'postgres' : 'standby', region);
          const poolers = members.flatMap((each) => configured(each, /^max_db_connections = (\d+)$/gm));
          const [limit] = members.flatMap((each) => configured(each, /^ +max_connections: (\d+)$/gm));
          expect(poolers).toHaveLength(membersOf(region).length);
          const sum = [...poolers, ...services].reduce((one, other) => one + other, 0);
          expect(sum).toBeLessThan((limit ?? 0) - reservedSlots.superuser - reservedSlots.privileged);
        }
      }),
      { numRuns: 10 },
    );
  }, 60_000);

  it('are refused by the rules of the configuration where they do not fit', () => {
    expect(isBudgetSound(divideConnections(1024, 3, 1))).toBe(true);
    // more machines than any configuration may have today
    expect(isBudgetSound(divideConnections(1024, 6, 1))).toBe(false);
    const input = withDefaults({ primary: { postgres: 6 } });
    expect(findProblems(input).map(({ path }) => path)).toContain('instanceTypes.postgres');
  });
});
