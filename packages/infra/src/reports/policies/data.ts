import { type BucketPurpose, bucketName, type Cluster, keyAlias, secretsKeyAlias } from '../../cluster/index.ts';
import { allow, inEach, inRegions, ofCluster, type Statement, tagsOf, throughServices } from './statement.ts';

/** State, buckets, keys, volumes. */
export function dataStatements(cluster: Cluster, account: string): readonly Statement[] {
  const buckets = (purpose: BucketPurpose) =>
    inEach(cluster, (region) => `arn:aws:s3:::${bucketName(cluster, region, purpose, account)}`);
  const contents = (purpose: BucketPurpose) => buckets(purpose).map((bucket) => `${bucket}/*`);
  const keys = inEach(cluster, ({ awsRegion }) => `arn:aws:kms:${awsRegion}:${account}:key/*`);
  return [
    allow(
      'Buckets',
      [
        's3:CreateBucket',
        's3:GetAccelerateConfiguration',
        's3:GetBucket*',
        's3:GetEncryptionConfiguration',
        's3:GetLifecycleConfiguration',
        's3:GetReplicationConfiguration',
        's3:ListBucket',
        's3:ListTagsForResource',
        's3:PutBucketObjectLockConfiguration',
        's3:PutBucketOwnershipControls',
        's3:PutBucketPolicy',
        's3:PutBucketPublicAccessBlock',
        's3:PutBucketTagging',
        's3:PutBucketVersioning',
        's3:PutEncryptionConfiguration',
        's3:PutLifecycleConfiguration',
        's3:TagResource',
      ],
      [...buckets('state'), ...buckets('artifacts'), ...buckets('backups')],
    ),
    allow(
      'StateAndArtifacts',
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      [...contents('state'), ...contents('artifacts')],
    ),
    allow('MakeKeys', ['kms:CreateKey', 'kms:ListAliases'], '*', inRegions(cluster)),
    allow('TagKeys', 'kms:TagResource', keys, {
      StringEquals: tagsOf(cluster, 'RequestTag'),
      // a key that is being made has none yet; that of another cluster keeps its own
      StringEqualsIfExists: tagsOf(cluster, 'ResourceTag'),
    }),
    // a key's tags count for permissions only minutes after it was made (KMS developer guide, "ABAC for AWS KMS"), and the
    // first deploy does not wait: what looks at a key, or only protects it, goes without them
    allow(
      'NewKeys',
      [
        'kms:CreateAlias',
        'kms:DescribeKey',
        'kms:EnableKeyRotation',
        'kms:GetKeyPolicy',
        'kms:GetKeyRotationStatus',
        'kms:ListResourceTags',
        'kms:UpdateAlias',
      ],
      keys,
    ),
    allow('ChangeKeys', ['kms:PutKeyPolicy', 'kms:UntagResource'], keys, ofCluster(cluster)),
    // for the same reason bound to what the data lies in, which is named elsewhere, and not to a tag
    allow('UseKeys', ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'], keys, {
      StringEquals: { 'kms:ViaService': throughServices(cluster, ['ec2', 's3', 'ssm']) },
    }),
    allow('GrantKeysToVolumes', 'kms:CreateGrant', keys, {
      StringEquals: { 'kms:ViaService': throughServices(cluster, ['ec2']) },
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
    }),
    allow(
      'Aliases',
      ['kms:CreateAlias', 'kms:UpdateAlias'],
      inEach(cluster, ({ awsRegion }) =>
        [keyAlias(cluster), secretsKeyAlias(cluster)].map((alias) => `arn:aws:kms:${awsRegion}:${account}:${alias}`),
      ),
    ),
    allow('MakeVolumes', 'ec2:CreateVolume', '*', inRegions(cluster)),
    allow('TagVolumes', 'ec2:CreateTags', '*', {
      StringEquals: { ...tagsOf(cluster, 'RequestTag'), 'ec2:CreateAction': 'CreateVolume' },
    }),
    allow('Volumes', 'ec2:ModifyVolume', '*', ofCluster(cluster)),
  ];
}
