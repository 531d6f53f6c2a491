import { connectionBudget, defineCluster, membersOf } from '@pgha/infra/cluster';
import { signalsOf } from '@pgha/infra/signals';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DatabaseObservation, Observation, PoolerObservation } from '../../clients/observation.ts';
import { connectionFindings } from './connection-findings.ts';
import type { ClusterObservation } from './observe.ts';
import { thresholdOf } from './thresholds.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 }, dr: null });
const { pgbouncer, ordinary } = connectionBudget(cluster, cluster.primary);

/** What three members say of their connections; null: one that cannot be asked. */
function seenOf(
  members: readonly ({ database?: Partial<DatabaseObservation>; pooler?: Partial<PoolerObservation> } | null)[],
): ClusterObservation {
  const machines = membersOf(cluster.primary).map((node, index) => {
    const member = members[index] ?? null;
    const database = { connections: 12, maxConnections: 50, reservedConnections: 9, ...member?.database };
    const pooler = { paused: false, maxServers: pgbouncer, ...member?.pooler };
    const seen = member === null ? null : ({ machine: node.name, database, pooler } as unknown as Observation);
    return { node, region: cluster.primary, seen, problem: null };
  });
  return { at: new Date(), cluster, machines, repositories: [] };
}

describe('the findings about connections', () => {
  it('are none for the configured pools, whatever is in use below the threshold', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: Math.floor(ordinary * thresholdOf(cluster, 'MaxConnectionsNearLimit')) }),
        (connections) => {
          expect(connectionFindings(seenOf([{ database: { connections } }, {}, {}]))).toEqual([]);
        },
      ),
    );
  });

  it('name a member whose ordinary logins are about to be refused, before they are', () => {
    const [finding, ...others] = connectionFindings(seenOf([{}, { database: { connections: 38 } }, {}]));
    expect(finding?.what).toBe('pg-2: 38 of 41 connection slots for ordinary logins are in use');
    expect(others).toEqual([]);
  });

  it('name pools that sum to more than the server has, as a cluster of an earlier release runs them', () => {
    const old = { pooler: { maxServers: 11 } };
    const [finding, ...others] = connectionFindings(seenOf([old, old, old]));
    expect(finding?.what).toMatch(
      /^us-east-1: the connection pools together can use 6\d connection slots, but a primary has 41 /,
    );
    expect(others).toEqual([]);
  });

  it('name a pool without a limit', () => {
    expect(connectionFindings(seenOf([{ pooler: { maxServers: 0 } }, {}, {}]))[0]?.what).toContain('no limit');
  });

  it('take what an older program does not tell, and a member that cannot be asked, as unknown', () => {
    const silent = { pooler: { maxServers: undefined }, database: { reservedConnections: undefined } };
    expect(connectionFindings(seenOf([silent as never, silent as never, null]))).toEqual([]);
    expect(connectionFindings(seenOf([null, null, null]))).toEqual([]);
  });

  it('name alerts that exist', () => {
    const found = connectionFindings(
      seenOf([{ database: { connections: 41 } }, { pooler: { maxServers: 40 } }, { pooler: { maxServers: 40 } }]),
    );
    const alerts = found.map(({ alert }) => alert);
    expect(alerts).toEqual(['MaxConnectionsNearLimit', 'PoolsExceedMaxConnections']);
    expect(signalsOf(cluster).map(({ name }) => name)).toEqual(expect.arrayContaining(alerts));
  });
});
