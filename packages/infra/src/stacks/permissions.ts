import {
  type Cluster,
  keyAlias,
  type Node,
  parameterName,
  type Region,
  regionOf,
  regionsOf,
  secretsKeyAlias,
} from '../cluster/index.ts';
import {
  agentMessageActions,
  alertTopicName,
  artifacts,
  type Machine,
  parametersOf,
  type Site,
} from '../machines/index.ts';

export interface Statement {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Action: string | readonly string[];
  Resource: string | readonly string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/**
 * What one machine may do, and no more: it reads its own parameters and its programs; database machines use the repositories,
 * the API server reads which backups there are, the monitoring machine publishes alerts.
 *
 * @param account the account's number or the expression Terraform replaces by it.
 */
export function machineStatements(cluster: Cluster, machine: Machine, site: Site, account: string): Statement[] {
  const { node } = machine;
  const region = regionOf(cluster, node);
  return [
    ...systemsManager(region, account),
    {
      Sid: 'Secrets',
      Effect: 'Allow',
      Action: 'ssm:GetParameters',
      Resource: parametersOf(machine).map((name) => `arn:aws:ssm:${region.awsRegion}:${account}:parameter${name}`),
    },
    secretsKey(cluster, region, account),
    ...artifactBucket(node, site),
    ...repositories(cluster, node, site),
    ...alerts(cluster, node, region, account),
    keys(cluster, node, region, account),
  ];
}

/** Decrypts the cluster's parameters, and only as Parameter Store; which of them it may ask for is said by `Secrets`. */
function secretsKey(cluster: Cluster, { awsRegion }: Region, account: string): Statement {
  return {
    Sid: 'SecretsKey',
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: `arn:aws:kms:${awsRegion}:${account}:key/*`,
    Condition: {
      'ForAnyValue:StringEquals': { 'kms:ResourceAliases': secretsKeyAlias(cluster) },
      StringEquals: { 'kms:ViaService': `ssm.${awsRegion}.amazonaws.com` },
      StringLike: {
        'kms:EncryptionContext:PARAMETER_ARN': `arn:aws:ssm:${awsRegion}:${account}:parameter${parameterName(cluster, '*')}`,
      },
    },
  };
}

/** Run Command and Session Manager. The message services know no resources (Service Authorization Reference). */
function systemsManager(region: Region, account: string): Statement[] {
  return [
    {
      Sid: 'SystemsManager',
      Effect: 'Allow',
      Action: 'ssm:UpdateInstanceInformation',
      Resource: `arn:aws:ec2:${region.awsRegion}:${account}:instance/*`,
    },
    {
      Sid: 'SystemsManagerMessages',
      Effect: 'Allow',
      Action: [...agentMessageActions],
      Resource: '*',
    },
  ];
}

function artifactBucket(node: Node, { artifactBucket: bucket }: Site): Statement[] {
  const releases = node.role === 'api' ? [`arn:aws:s3:::${bucket}/${artifacts.prefix}*`] : [];
  return [
    {
      Sid: 'Artifacts',
      Effect: 'Allow',
      Action: 's3:GetObject',
      Resource: [`arn:aws:s3:::${bucket}/machines/*`, ...releases],
    },
  ];
}

/** What `GET /backups` answers from: which backups and which WAL there are, and none of either. */
const infoFiles = ['*/backup.info*', '*/archive.info*'];

/** Members archive into, and restore from, the repositories of both regions; a region that is the primary later does too. */
function repositories(cluster: Cluster, node: Node, { backupBuckets }: Site): Statement[] {
  const isMember = node.role === 'postgres' || node.role === 'standby';
  if (!isMember && node.role !== 'api') return [];
  const buckets = [backupBuckets.primary, backupBuckets.dr].filter((bucket) => bucket !== null);
  return [
    {
      Sid: 'ListRepositories',
      Effect: 'Allow',
      // versions: the API server tells what was deleted of the backups
      Action: ['s3:ListBucket', 's3:GetBucketLocation', ...(isMember ? [] : ['s3:ListBucketVersions'])],
      Resource: buckets.map((bucket) => `arn:aws:s3:::${bucket}`),
    },
    {
      Sid: 'Repositories',
      Effect: 'Allow',
      Action: isMember ? ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'] : 's3:GetObject',
      Resource: buckets.flatMap((bucket) =>
        (isMember ? ['*'] : infoFiles).map((part) => `arn:aws:s3:::${bucket}/${cluster.scope}/${part}`),
      ),
    },
  ];
}

function alerts(cluster: Cluster, node: Node, region: Region, account: string): Statement[] {
  if (node.role !== 'monitoring') return [];
  const topic = `arn:aws:sns:${region.awsRegion}:${account}:${alertTopicName(cluster)}`;
  // the second: whether those who are to get them ever confirmed
  return [{ Sid: 'Alerts', Effect: 'Allow', Action: ['sns:Publish', 'sns:ListSubscriptionsByTopic'], Resource: topic }];
}

/**
 * The keys by their alias, which is the name they have in both regions (KMS developer guide, "Use aliases to control
 * access"), and only through the service that holds the data.
 */
function keys(cluster: Cluster, node: Node, region: Region, account: string): Statement {
  const usesPeer = node.role === 'postgres' || node.role === 'standby' || node.role === 'api';
  const regions = usesPeer ? regionsOf(cluster) : [region];
  const services = node.role === 'monitoring' ? ['s3', 'sns'] : ['s3'];
  return {
    Sid: 'Keys',
    Effect: 'Allow',
    Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
    Resource: regions.map(({ awsRegion }) => `arn:aws:kms:${awsRegion}:${account}:key/*`),
    Condition: {
      'ForAnyValue:StringEquals': { 'kms:ResourceAliases': keyAlias(cluster) },
      StringEquals: {
        'kms:ViaService': regions.flatMap(({ awsRegion }) =>
          services.map((service) => `${service}.${awsRegion}.amazonaws.com`),
        ),
      },
    },
  };
}

/** Refuses what is not TLS 1.2 or newer; everything else is up to the account's own policies. */
export function transportStatement(bucketArn: string): Statement & { Principal: string } {
  return {
    Sid: 'RefusePlaintext',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: [bucketArn, `${bucketArn}/*`],
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
}

export function policyDocument(statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}
