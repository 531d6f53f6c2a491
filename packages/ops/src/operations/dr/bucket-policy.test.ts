import { defineCluster } from '@pgha/infra/cluster';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDenied, withDenial, withoutDenial } from './bucket-policy.ts';

const cluster = defineCluster({});
const { primary, dr } = cluster;
if (dr === null) throw new Error('two regions');

/** Policies as anybody may have written them. */
const policies = fc
  .array(fc.record({ Sid: fc.string(), Effect: fc.constantFrom('Allow', 'Deny'), Action: fc.string() }), {
    minLength: 1,
  })
  .map((Statement) => JSON.stringify({ Version: '2012-10-17', Statement }));

describe("a bucket's policy", () => {
  it('shuts out the roles of one region, by their path, from writing', () => {
    const policy = JSON.parse(withDenial(null, cluster, primary, 'backups'));
    expect(policy.Statement).toEqual([
      {
        Sid: 'PghaGivenUpPrimary',
        Effect: 'Deny',
        Principal: '*',
        Action: ['s3:PutObject*', 's3:DeleteObject*', 's3:RestoreObject'],
        Resource: 'arn:aws:s3:::backups/*',
        Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/pgha/prod/primary/*' } },
      },
    ]);
  });

  it('keeps every other statement, and is as before once the region is admitted again', () => {
    fc.assert(
      fc.property(policies, (before) => {
        const denied = withDenial(before, cluster, primary, 'backups');
        expect(isDenied(denied, primary)).toBe(true);
        expect(isDenied(denied, dr)).toBe(false);
        expect(withDenial(denied, cluster, primary, 'backups')).toBe(denied);
        expect(withoutDenial(denied, primary)).toBe(before);
      }),
    );
  });

  it('of both regions is told apart', () => {
    const both = withDenial(withDenial(null, cluster, primary, 'backups'), cluster, dr, 'backups');
    const one = withoutDenial(both, primary) ?? expect.fail('nothing is left');
    expect([isDenied(one, primary), isDenied(one, dr)]).toEqual([false, true]);
    expect(withoutDenial(one, dr)).toBeNull();
  });
});
