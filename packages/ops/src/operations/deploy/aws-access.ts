import { EC2Client } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { bucketName, type Cluster, type Region, secretsKeyAlias } from '@pgha/infra/cluster';
import type { SsmRegion } from '../../hosts/ssm.ts';
import { mirroredStore, type SecretStore, ssmStore } from '../../secrets/index.ts';
import { dataRegions, type Scope } from './target.ts';

/** Whose credentials are used. */
export interface AwsLogin {
  /** A profile of ~/.aws; null: what the environment or the machine provides. */
  profile: string | null;
}

/** The account that the credentials belong to. */
export interface Identity {
  account: string;
  arn: string;
}

/** The profile of the configuration, unless the environment names credentials of its own. */
export function loginOf(cluster: Cluster, hasOwnCredentials: boolean): AwsLogin {
  return { profile: hasOwnCredentials ? null : cluster.awsProfile };
}

/**
 * Asks AWS who we are.
 *
 * @throws what the SDK says when there are no credentials, or when they are not accepted.
 */
export async function whoAmI(login: AwsLogin, awsRegion: string): Promise<Identity> {
  const client = new STSClient({ ...clientSettings(login, awsRegion), maxAttempts: 2 });
  try {
    const { Account: account, Arn: arn } = await client.send(new GetCallerIdentityCommand());
    if (account === undefined || arn === undefined)
      throw new Error('AWS did not report the identity of the credentials');
    return { account, arn };
  } finally {
    client.destroy();
  }
}

/** The clients of a region for as long as the work takes. */
export async function withRegion<T>(
  cluster: Cluster,
  region: Region,
  { login, account }: { login: AwsLogin; account: string },
  work: (services: SsmRegion) => Promise<T>,
): Promise<T> {
  const settings = clientSettings(login, region.awsRegion);
  const services = {
    ec2: new EC2Client(settings),
    ssm: new SSMClient(settings),
    // a URL is signed before its content is known: a checksum in it would be that of nothing
    s3: new S3Client({ ...settings, requestChecksumCalculation: 'WHEN_REQUIRED' }),
    artifactBucket: bucketName(cluster, region, 'artifacts', account),
  };
  try {
    return await work(services);
  } finally {
    for (const client of [services.ec2, services.ssm, services.s3]) client.destroy();
  }
}

/** The Parameter Stores that a scope touches as one, for as long as the work takes. */
export async function withSecrets<T>(
  scope: Scope,
  login: AwsLogin,
  work: (store: SecretStore) => Promise<T>,
): Promise<T> {
  const clients = dataRegions(scope).map(({ awsRegion }) => ({
    awsRegion,
    // Parameter Store throttles writes at a few a second for a new account
    client: new SSMClient({ ...clientSettings(login, awsRegion), maxAttempts: 10 }),
  }));
  const [first, ...others] = clients.map(({ client, awsRegion }) =>
    ssmStore(client, awsRegion, secretsKeyAlias(scope.cluster)),
  );
  if (first === undefined) throw new Error('a cluster has at least one region');
  try {
    return await work(mirroredStore([first, ...others]));
  } finally {
    for (const { client } of clients) client.destroy();
  }
}

/** Settings of every client: endpoints are the SDK's own business, so that AWS_ENDPOINT_URL works. */
export function clientSettings({ profile }: AwsLogin, region: string) {
  return {
    region,
    ...(profile === null ? {} : { profile }),
    // a first deploy asks EC2, Run Command and Parameter Store more often than a new account may: they slow down instead of failing
    // five tries to connect are half a minute: no longer, because a region that is down answers none of them
    maxAttempts: 5,
    retryMode: 'adaptive' as const,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000 },
  };
}
