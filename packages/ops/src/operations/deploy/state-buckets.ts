import {
  CreateBucketCommand,
  HeadBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { bucketName, type Cluster, type Region, regionsOf } from '@pgha/infra/cluster';
import { RefusedError } from '../../exit-codes.ts';
import type { Step } from '../../step.ts';
import { type AwsLogin, clientSettings } from './aws-access.ts';

/** A state that was replaced by a mistake can be had back this long. */
const keepReplacedDays = 90;

/** Whether a region's bucket for Terraform's state is there; refuses when its name belongs to somebody else. */
export async function hasStateBucket(client: S3Client, bucket: string): Promise<boolean> {
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
    return true;
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 404) return false;
    if (status === 403) {
      throw new RefusedError(
        `access to bucket ${bucket} is denied. Grant these credentials s3:ListBucket on it, or, if the bucket is not yours, choose another project name`,
      );
    }
    throw error;
  }
}

/** The steps that make what Terraform keeps its state in: a bucket in each region. Each may run again. */
export function planBootstrap(cluster: Cluster, login: AwsLogin, account: string): readonly Step[] {
  if (cluster.state === 'local') {
    return [
      { title: 'Terraform state is stored in .pgha/state of this checkout: nothing to create', run: async () => {} },
    ];
  }
  return regionsOf(cluster).map((region) => {
    const bucket = bucketName(cluster, region, 'state', account);
    return {
      title: `Create the state bucket ${bucket} in ${region.awsRegion}`,
      run: async (report) => {
        const client = new S3Client(clientSettings(login, region.awsRegion));
        try {
          await provideStateBucket(client, region, bucket, report);
        } finally {
          client.destroy();
        }
      },
    };
  });
}

/** Versioned, encrypted, private, TLS only; Terraform's own lock needs nothing besides. */
async function provideStateBucket(
  client: S3Client,
  region: Region,
  bucket: string,
  report: (line: string) => void,
): Promise<void> {
  const Bucket = bucket;
  if (!(await hasStateBucket(client, bucket))) {
    report('creating');
    await client.send(new CreateBucketCommand({ Bucket, ...locationOf(region) }));
  }
  report('versions, encryption, access');
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  await client.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        // AWS's own key: the cluster's key is in the state that this bucket keeps
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' }, BucketKeyEnabled: true }],
      },
    }),
  );
  await client.send(
    new PutPublicAccessBlockCommand({
      Bucket,
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    }),
  );
  await client.send(
    new PutBucketOwnershipControlsCommand({
      Bucket,
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    }),
  );
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(tlsOnly(bucket)) }));
  await client.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket,
      LifecycleConfiguration: {
        Rules: [
          {
            ID: 'replaced',
            Status: 'Enabled',
            Filter: { Prefix: '' },
            NoncurrentVersionExpiration: { NoncurrentDays: keepReplacedDays },
          },
        ],
      },
    }),
  );
}

/** us-east-1 is the one region whose name must not be said (S3 API reference, CreateBucket). */
function locationOf({ awsRegion }: Region) {
  return awsRegion === 'us-east-1'
    ? {}
    : { CreateBucketConfiguration: { LocationConstraint: awsRegion as 'us-west-2' } };
}

function tlsOnly(bucket: string) {
  const arn = `arn:aws:s3:::${bucket}`;
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'RefusePlaintext',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
}
