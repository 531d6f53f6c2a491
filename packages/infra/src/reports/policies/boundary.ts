import {
  bucketName,
  type Cluster,
  flowLogGroupName,
  keyAlias,
  parameterName,
  secretsKeyAlias,
} from '../../cluster/index.ts';
import { agentMessageActions, alertTopicName } from '../../machines/index.ts';
import { allow, inEach, type Statement, throughServices } from './statement.ts';

/**
 * The most that any role of the cluster may do, whatever its own policies say. An administrator makes it; the deploy policies
 * only let roles be made that have it, and none of them may change it.
 */
export function boundaryStatements(cluster: Cluster, account: string): readonly Statement[] {
  const each = (arn: (awsRegion: string) => string | readonly string[]) =>
    inEach(cluster, ({ awsRegion }) => arn(awsRegion));
  const buckets = (['backups', 'artifacts'] as const).flatMap((purpose) =>
    inEach(cluster, (region) => `arn:aws:s3:::${bucketName(cluster, region, purpose, account)}`),
  );
  return [
    allow(
      'SystemsManager',
      'ssm:UpdateInstanceInformation',
      each((region) => `arn:aws:ec2:${region}:${account}:instance/*`),
    ),
    allow('SystemsManagerMessages', [...agentMessageActions], '*'),
    allow(
      'Secrets',
      'ssm:GetParameters',
      each((region) => `arn:aws:ssm:${region}:${account}:parameter${parameterName(cluster, '*')}`),
    ),
    allow('Buckets', ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketVersions'], buckets),
    allow(
      'Objects',
      ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
      buckets.map((bucket) => `${bucket}/*`),
    ),
    allow(
      'Alerts',
      ['sns:ListSubscriptionsByTopic', 'sns:Publish'],
      each((region) => `arn:aws:sns:${region}:${account}:${alertTopicName(cluster)}`),
    ),
    allow(
      'Keys',
      ['kms:Decrypt', 'kms:GenerateDataKey'],
      each((region) => `arn:aws:kms:${region}:${account}:key/*`),
      {
        'ForAnyValue:StringEquals': { 'kms:ResourceAliases': [keyAlias(cluster), secretsKeyAlias(cluster)] },
        StringEquals: { 'kms:ViaService': throughServices(cluster, ['s3', 'sns', 'ssm']) },
      },
    ),
    allow(
      'Logs',
      ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      each((region) => {
        const group = `arn:aws:logs:${region}:${account}:log-group:${flowLogGroupName(cluster)}`;
        return [group, `${group}:*`];
      }),
    ),
    allow('LookAtLogs', 'logs:DescribeLogGroups', '*'),
  ];
}
