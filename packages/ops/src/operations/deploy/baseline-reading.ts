import { CloudTrailClient, DescribeTrailsCommand, GetTrailStatusCommand } from '@aws-sdk/client-cloudtrail';
import { EC2Client, GetEbsEncryptionByDefaultCommand } from '@aws-sdk/client-ec2';
import { GetPublicAccessBlockCommand, S3ControlClient } from '@aws-sdk/client-s3-control';
import { GetDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type Cluster, regionsOf } from '@pgha/infra/cluster';
import {
  type AccountBaseline,
  type Answer,
  type PublicAccessBlock,
  parseSessionLogs,
  type RegionBaseline,
  type SessionLogs,
  sessionDocument,
  type Trail,
} from './account-baseline.ts';
import { type AwsLogin, clientSettings, type Identity } from './aws-access.ts';

/** Reads what an account's security rests on; nothing is changed. What is refused names the permission it takes. */
export async function readAccountBaseline(
  cluster: Cluster,
  login: AwsLogin,
  { account }: Identity,
): Promise<AccountBaseline> {
  const { awsRegion } = cluster.primary;
  const settings = { ...clientSettings(login, awsRegion), maxAttempts: 3 };
  const trail = new CloudTrailClient(settings);
  const control = new S3ControlClient(settings);
  try {
    const [trails, publicAccess, regions] = await Promise.all([
      answered('cloudtrail:DescribeTrails and cloudtrail:GetTrailStatus', readTrails(trail)),
      answered('s3:GetAccountPublicAccessBlock', readPublicAccess(control, account)),
      Promise.all(regionsOf(cluster).map((region) => readRegion(login, region.awsRegion))),
    ]);
    return { account, awsRegion, trails, publicAccess, regions };
  } finally {
    trail.destroy();
    control.destroy();
  }
}

const answered = <T>(permission: string, reading: Promise<T>): Promise<Answer<T>> =>
  reading.then(
    (value) => ({ value }),
    (error: Error) => ({ permission, reason: `${error.name}: ${error.message}` }),
  );

async function readTrails(client: CloudTrailClient): Promise<readonly Trail[]> {
  // those of other regions, and of the organization, are shadows here
  const { trailList = [] } = await client.send(new DescribeTrailsCommand({ includeShadowTrails: true }));
  return Promise.all(
    trailList.map(async ({ TrailARN: arn = '', IsMultiRegionTrail: isMultiRegion = false }) => {
      const { IsLogging: isLogging = false } = await client.send(new GetTrailStatusCommand({ Name: arn }));
      return { arn, isMultiRegion, isLogging };
    }),
  );
}

async function readPublicAccess(client: S3ControlClient, AccountId: string): Promise<PublicAccessBlock | null> {
  try {
    const { PublicAccessBlockConfiguration: block = {} } = await client.send(
      new GetPublicAccessBlockCommand({ AccountId }),
    );
    return {
      blockPublicAcls: block.BlockPublicAcls === true,
      ignorePublicAcls: block.IgnorePublicAcls === true,
      blockPublicPolicy: block.BlockPublicPolicy === true,
      restrictPublicBuckets: block.RestrictPublicBuckets === true,
    };
  } catch (error) {
    if ((error as Error).name === 'NoSuchPublicAccessBlockConfiguration') return null;
    throw error;
  }
}

async function readRegion(login: AwsLogin, awsRegion: string): Promise<RegionBaseline> {
  const settings = { ...clientSettings(login, awsRegion), maxAttempts: 3 };
  const ec2 = new EC2Client(settings);
  const ssm = new SSMClient(settings);
  const encryption = async () =>
    (await ec2.send(new GetEbsEncryptionByDefaultCommand({}))).EbsEncryptionByDefault === true;
  try {
    const [encryptsVolumes, sessionLogs] = await Promise.all([
      answered('ec2:GetEbsEncryptionByDefault', encryption()),
      answered(`ssm:GetDocument on ${sessionDocument}`, readSessionLogs(ssm)),
    ]);
    return { awsRegion, encryptsVolumes, sessionLogs };
  } finally {
    ec2.destroy();
    ssm.destroy();
  }
}

async function readSessionLogs(client: SSMClient): Promise<SessionLogs | null> {
  try {
    const { Content: content = '' } = await client.send(new GetDocumentCommand({ Name: sessionDocument }));
    return parseSessionLogs(content);
  } catch (error) {
    // Systems Manager's word for a document that is not there
    if ((error as Error).name === 'InvalidDocument') return null;
    throw error;
  }
}
