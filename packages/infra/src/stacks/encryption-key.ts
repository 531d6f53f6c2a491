import { type Cluster, deploymentName, flowLogGroupName, keyAlias, type Region } from '../cluster/index.ts';
import { policyDocument } from './permissions.ts';
import { Construct, KmsAlias, KmsKey } from './terraform.ts';

/** What CloudWatch Logs asks for before it takes a key (its user guide, "Encrypt log data using AWS KMS"). */
const logsActions = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'];

/** One key a region: for its volumes, its buckets, its alerts and its logs. */
export class EncryptionKey extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, cluster: Cluster, region: Region, account: string) {
    super(scope, id);
    const service = (name: string, actions: readonly string[], condition: object) => ({
      Effect: 'Allow',
      Principal: { Service: name },
      Action: actions,
      Resource: '*',
      Condition: condition,
    });
    const key = new KmsKey(this, 'key', {
      description: `${deploymentName(cluster)}: data volumes, buckets, alerts`,
      enableKeyRotation: true,
      // the longest there is: without the key every backup is noise
      deletionWindowInDays: 30,
      // in a key's policy "*" is this key
      policy: policyDocument([
        {
          Sid: 'AccountPolicies',
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${account}:root` },
          Action: 'kms:*',
          Resource: '*',
        },
        // an alarm is published to the encrypted topic by the service itself
        service('cloudwatch.amazonaws.com', ['kms:Decrypt', 'kms:GenerateDataKey*'], {
          StringEquals: { 'aws:SourceAccount': account },
        }),
        service(`logs.${region.awsRegion}.amazonaws.com`, logsActions, {
          ArnEquals: {
            'kms:EncryptionContext:aws:logs:arn': `arn:aws:logs:${region.awsRegion}:${account}:log-group:${flowLogGroupName(cluster)}`,
          },
        }),
      ]),
      lifecycle: { preventDestroy: true },
    });
    new KmsAlias(this, 'alias', { name: keyAlias(cluster), targetKeyId: key.keyId });
    this.arn = key.arn;
  }
}
