import {
  DeleteBucketPolicyCommand,
  GetBucketPolicyCommand,
  PutBucketPolicyCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Cluster, type Region, rolePath } from '@pgha/infra/cluster';

/** A statement of a bucket's policy, as far as it matters here. */
interface Statement {
  Sid?: string;
  [part: string]: unknown;
}

interface Policy {
  Version: string;
  Statement: readonly Statement[];
}

const sidOf = (region: Region) => `PghaGivenUp${region.kind === 'primary' ? 'Primary' : 'Dr'}`;

/**
 * The policy with the machines of a region shut out from writing: everything else of it stays. They may still read, which is how
 * they are brought back. The bucket's own policy says it, because IAM's may be out of reach together with the region.
 *
 * @param text the policy in force; null: none.
 */
export function withDenial(text: string | null, cluster: Cluster, region: Region, bucket: string): string {
  const denial: Statement = {
    Sid: sidOf(region),
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:PutObject*', 's3:DeleteObject*', 's3:RestoreObject'],
    Resource: `arn:aws:s3:::${bucket}/*`,
    // a role that is assumed counts as itself here (IAM user guide, "aws:PrincipalArn")
    Condition: { ArnLike: { 'aws:PrincipalArn': `arn:aws:iam::*:role${rolePath(cluster, region)}*` } },
  };
  const policy = parse(text);
  return JSON.stringify({ ...policy, Statement: [...others(policy, region), denial] });
}

/** The policy without that denial; null when nothing else was in it. */
export function withoutDenial(text: string, region: Region): string | null {
  const policy = parse(text);
  const Statement = others(policy, region);
  return Statement.length === 0 ? null : JSON.stringify({ ...policy, Statement });
}

/** Whether a policy shuts the region's machines out. */
export function isDenied(text: string | null, region: Region): boolean {
  return parse(text).Statement.some(({ Sid }) => Sid === sidOf(region));
}

/** A region that is down must keep nobody waiting; an answer takes a fraction of a second. */
const patience = () => ({ abortSignal: AbortSignal.timeout(5_000) });

/** @returns null when the bucket has no policy. */
export async function readBucketPolicy(s3: S3Client, bucket: string): Promise<string | null> {
  try {
    return (await s3.send(new GetBucketPolicyCommand({ Bucket: bucket }), patience())).Policy ?? null;
  } catch (error) {
    if ((error as Error).name === 'NoSuchBucketPolicy') return null;
    throw error;
  }
}

/** Shuts a region's machines out of a bucket, and looks whether the bucket says so. */
export async function denyRegion(s3: S3Client, bucket: string, cluster: Cluster, region: Region): Promise<void> {
  const before = await readBucketPolicy(s3, bucket);
  if (isDenied(before, region)) return;
  await s3.send(
    new PutBucketPolicyCommand({ Bucket: bucket, Policy: withDenial(before, cluster, region, bucket) }),
    patience(),
  );
  if (!isDenied(await readBucketPolicy(s3, bucket), region))
    throw new Error(`the bucket policy of ${bucket} does not contain the denial after it was written`);
}

/** Lets a region's machines write to a bucket again. */
export async function admitRegion(s3: S3Client, bucket: string, region: Region): Promise<void> {
  const before = await readBucketPolicy(s3, bucket);
  if (before === null || !isDenied(before, region)) return;
  const after = withoutDenial(before, region);
  // S3 takes no policy without a statement
  if (after === null) await s3.send(new DeleteBucketPolicyCommand({ Bucket: bucket }), patience());
  else await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: after }), patience());
}

const parse = (text: string | null): Policy =>
  text === null ? { Version: '2012-10-17', Statement: [] } : (JSON.parse(text) as Policy);

const others = ({ Statement }: Policy, region: Region) => Statement.filter(({ Sid }) => Sid !== sidOf(region));
