import { type Arguments, resourcesOf } from '../synthesized.ts';
import { change, each, eachBucketHas, type Rule, statements } from './rule.ts';

/** Public rules about what is kept: keys, buckets, topics, logs. */
export const storageRules: readonly Rule[] = [
  {
    id: 'CKV_AWS_7, KMS.4: a key is rotated',
    violations: each('aws_kms_key', (given) => given['enable_key_rotation'] === true),
    damage: change('aws_kms_key', (given) => delete given['enable_key_rotation']),
  },
  {
    id: 'CKV_AWS_33, CKV2_AWS_64: a key has a policy, and it names who',
    violations: each('aws_kms_key', (given) =>
      statements(given).every(({ Principal: principal }) => principal !== '*' && principal.AWS !== '*'),
    ),
    damage: change('aws_kms_key', (given) => {
      given['policy'] = given['policy'].replace(/\{"AWS":"[^"]*"\}/, '"*"');
    }),
  },
  {
    id: 'CKV_AWS_145, S3.17: a bucket is encrypted with a key of the account',
    violations: eachBucketHas('aws_s3_bucket_server_side_encryption_configuration', ({ rule: [rule] }) => {
      const { sse_algorithm: algorithm, kms_master_key_id: key } = rule.apply_server_side_encryption_by_default;
      return algorithm === 'aws:kms' && /aws_kms_key/.test(key);
    }),
    damage: change('aws_s3_bucket_server_side_encryption_configuration', ({ rule: [rule] }) => {
      rule.apply_server_side_encryption_by_default.sse_algorithm = 'AES256';
    }),
  },
  {
    id: 'CKV_AWS_21, S3.14: a bucket keeps versions',
    violations: eachBucketHas(
      'aws_s3_bucket_versioning',
      ({ versioning_configuration: configuration }) => configuration.status === 'Enabled',
    ),
    damage: change('aws_s3_bucket_versioning', (given) => {
      given['versioning_configuration'].status = 'Suspended';
    }),
  },
  {
    id: 'CKV_AWS_53 to CKV_AWS_56, CKV2_AWS_6, S3.8: public access to a bucket is blocked in all four ways',
    violations: eachBucketHas('aws_s3_bucket_public_access_block', (given) =>
      ['block_public_acls', 'block_public_policy', 'ignore_public_acls', 'restrict_public_buckets'].every(
        (way) => given[way] === true,
      ),
    ),
    damage: change('aws_s3_bucket_public_access_block', (given) => delete given['restrict_public_buckets']),
  },
  {
    id: 'CKV2_AWS_65, S3.12: a bucket knows no access lists',
    violations: eachBucketHas(
      'aws_s3_bucket_ownership_controls',
      ({ rule }) => rule.object_ownership === 'BucketOwnerEnforced',
    ),
    damage: change('aws_s3_bucket_ownership_controls', (given) => {
      given['rule'].object_ownership = 'ObjectWriter';
    }),
  },
  {
    id: 'S3.5: a bucket refuses what is not TLS',
    violations: eachBucketHas('aws_s3_bucket_policy', (given) =>
      statements(given).some(
        ({ Effect, Principal, Action, Resource, Condition }) =>
          Effect === 'Deny' &&
          Principal === '*' &&
          Action === 's3:*' &&
          Resource.length === 2 &&
          Condition?.Bool?.['aws:SecureTransport'] === 'false',
      ),
    ),
    damage: change('aws_s3_bucket_policy', (given) => {
      given['policy'] = given['policy'].replace('"Deny"', '"Allow"');
    }),
  },
  {
    id: 'CKV2_AWS_61, CKV_AWS_300, S3.13: a bucket forgets versions and abandoned uploads in the end',
    violations: eachBucketHas('aws_s3_bucket_lifecycle_configuration', ({ rule }) =>
      rule.some(
        (one: Arguments) =>
          one['status'] === 'Enabled' &&
          one['noncurrent_version_expiration']?.length === 1 &&
          one['abort_incomplete_multipart_upload']?.length === 1,
      ),
    ),
    damage: change(
      'aws_s3_bucket_lifecycle_configuration',
      ({ rule }) => delete rule[0].abort_incomplete_multipart_upload,
    ),
  },
  {
    id: 'S3.15: what is written to a backup bucket is locked for a time, without the argument that would replace the bucket',
    violations: (stacks) =>
      resourcesOf(stacks, 'aws_s3_bucket').flatMap(({ stack, name, arguments: given }) => {
        const isLocked = resourcesOf(stacks, 'aws_s3_bucket_object_lock_configuration').some(
          ({ stack: other, arguments: lock }) =>
            other === stack &&
            lock['bucket'] === `\${aws_s3_bucket.${name}.bucket}` &&
            lock['rule'].default_retention.mode === 'GOVERNANCE' &&
            lock['rule'].default_retention.days > 0,
        );
        const isKept = isLocked || !String(given['bucket']).includes('-backups-');
        return isKept && !('object_lock_enabled' in given) ? [] : [`${stack}: aws_s3_bucket.${name}`];
      }),
    damage: (stacks) => {
      for (const stack of Object.values(stacks)) delete stack.resource['aws_s3_bucket_object_lock_configuration'];
    },
  },
  {
    id: 'CKV_AWS_26, SNS.1: a topic is encrypted',
    violations: each('aws_sns_topic', (given) => typeof given['kms_master_key_id'] === 'string'),
    damage: change('aws_sns_topic', (given) => delete given['kms_master_key_id']),
  },
  {
    id: 'CKV_AWS_158, CKV_AWS_66, CloudWatch.16: a log group is encrypted and ends',
    violations: each(
      'aws_cloudwatch_log_group',
      (given) => given['retention_in_days'] > 0 && typeof given['kms_key_id'] === 'string',
      true,
    ),
    damage: (stacks) => {
      const [stack] = Object.values(stacks);
      if (stack !== undefined) stack.resource['aws_cloudwatch_log_group'] = { bare: {} };
    },
  },
];
