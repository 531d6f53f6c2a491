import { type Cluster, deploymentName, type Region, secretsKeyAlias } from '../cluster/index.ts';
import { policyDocument } from './permissions.ts';
import { Construct, KmsAlias, KmsKey } from './terraform.ts';

/** What administering a key takes; none of it decrypts. */
const administration = [
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:UpdateAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:DisableKeyRotation',
  'kms:RotateKeyOnDemand',
  'kms:Get*',
  'kms:List*',
  'kms:PutKeyPolicy',
  'kms:ScheduleKeyDeletion',
  'kms:CancelKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateKeyDescription',
];

/**
 * The key of a region's parameters. Who decrypts with it needs both: `kms:Decrypt` by a policy of IAM, which the machines' roles and
 * the deploy policies give and AWS's `ReadOnlyAccess` does not, and the way through Parameter Store.
 */
export class SecretsKey extends Construct {
  constructor(scope: Construct, id: string, cluster: Cluster, region: Region, account: string) {
    super(scope, id);
    const byAccount = { AWS: `arn:aws:iam::${account}:root` };
    const key = new KmsKey(this, 'key', {
      description: `${deploymentName(cluster)}: secrets in Parameter Store`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      // in a key's policy "*" is this key
      policy: policyDocument([
        { Sid: 'Administration', Effect: 'Allow', Principal: byAccount, Action: administration, Resource: '*' },
        {
          Sid: 'ParameterStoreOnly',
          Effect: 'Allow',
          Principal: byAccount,
          Action: ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncrypt*'],
          Resource: '*',
          Condition: { StringEquals: { 'kms:ViaService': `ssm.${region.awsRegion}.amazonaws.com` } },
        },
      ]),
      lifecycle: { preventDestroy: true },
    });
    new KmsAlias(this, 'alias', { name: secretsKeyAlias(cluster), targetKeyId: key.keyId });
  }
}
