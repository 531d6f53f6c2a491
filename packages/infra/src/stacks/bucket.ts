import { policyDocument, transportStatement } from './permissions.ts';
import {
  Construct,
  S3Bucket,
  S3BucketEncryption,
  S3BucketLifecycleConfiguration,
  S3BucketObjectLockConfiguration,
  S3BucketOwnershipControls,
  S3BucketPolicy,
  S3BucketPublicAccessBlock,
  S3BucketVersioning,
} from './terraform.ts';

export interface BucketOptions {
  name: string;
  keyArn: string;
  /** How long what was overwritten or deleted can still be had. */
  keepReplacedDays: number;
  /** Objects below these prefixes are gone after a day. */
  passingPrefixes: readonly string[];
  /** Nobody deletes a version that is younger; null: no object lock. */
  lockDays: number | null;
}

/** A bucket that nobody outside the account reads, that forgets nothing at once, and that Terraform never deletes. */
export class Bucket extends Construct {
  constructor(scope: Construct, id: string, options: BucketOptions) {
    super(scope, id);
    const bucket = new S3Bucket(this, 'bucket', {
      bucket: options.name,
      forceDestroy: false,
      lifecycle: { preventDestroy: true },
    });
    const { bucket: name } = bucket;
    const versioning = new S3BucketVersioning(this, 'versioning', {
      bucket: name,
      versioningConfiguration: { status: 'Enabled' },
    });
    new S3BucketOwnershipControls(this, 'ownership', {
      bucket: name,
      rule: { objectOwnership: 'BucketOwnerEnforced' },
    });
    const access = new S3BucketPublicAccessBlock(this, 'public-access', {
      bucket: name,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    new S3BucketEncryption(this, 'encryption', {
      bucket: name,
      rule: [
        {
          applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: options.keyArn },
          // one call to KMS for many objects: an archive of small segments would pay for each otherwise
          bucketKeyEnabled: true,
        },
      ],
    });
    new S3BucketPolicy(this, 'policy', {
      bucket: name,
      policy: policyDocument([transportStatement(bucket.arn)]),
      dependsOn: [access],
      // a region that was given up is shut out here, by an operator, in an emergency: a deploy must not let it in again
      lifecycle: { ignoreChanges: ['policy'] },
    });
    this.addExpiry(name, options, versioning);
    if (options.lockDays !== null) {
      // this resource switches it on, also in a bucket that exists; the bucket's own argument would replace that one
      new S3BucketObjectLockConfiguration(this, 'lock', {
        bucket: name,
        // governance: the account's administrators can undo a mistake; a stolen machine role cannot
        rule: { defaultRetention: { mode: 'GOVERNANCE', days: options.lockDays } },
        dependsOn: [versioning],
      });
    }
  }

  private addExpiry(name: string, options: BucketOptions, versioning: S3BucketVersioning): void {
    new S3BucketLifecycleConfiguration(this, 'lifecycle', {
      bucket: name,
      rule: [
        {
          id: 'replaced',
          status: 'Enabled',
          filter: [{ prefix: '' }],
          noncurrentVersionExpiration: [{ noncurrentDays: options.keepReplacedDays }],
          expiration: [{ expiredObjectDeleteMarker: true }],
          abortIncompleteMultipartUpload: [{ daysAfterInitiation: 2 }],
        },
        ...options.passingPrefixes.map((prefix) => ({
          id: `passing-${prefix.replaceAll('/', '')}`,
          status: 'Enabled',
          filter: [{ prefix }],
          expiration: [{ days: 1 }],
          noncurrentVersionExpiration: [{ noncurrentDays: 1 }],
        })),
      ],
      dependsOn: [versioning],
    });
  }
}
