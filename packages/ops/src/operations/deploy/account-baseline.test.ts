import { describe, expect, it } from 'vitest';
import { type AccountBaseline, parseSessionLogs, reviewBaseline } from './account-baseline.ts';

const arn = 'arn:aws:cloudtrail:eu-west-1:123456789012:trail/audit';
const block = { blockPublicAcls: true, ignorePublicAcls: true, blockPublicPolicy: true, restrictPublicBuckets: true };
/** An account that has everything. */
const whole: AccountBaseline = {
  account: '123456789012',
  awsRegion: 'us-east-1',
  trails: { value: [{ arn, isMultiRegion: true, isLogging: true }] },
  publicAccess: { value: block },
  regions: ['us-east-1', 'us-west-2'].map((awsRegion) => ({
    awsRegion,
    encryptsVolumes: { value: true },
    sessionLogs: { value: { bucket: 'sessions', logGroup: '' } },
  })),
};
const failures = (change: Partial<AccountBaseline>) =>
  reviewBaseline({ ...whole, ...change })
    .filter(({ found }) => found === null)
    .map(({ what, remedies }) => [what.split(':')[0], remedies[0]]);
const inFirst = (change: Partial<AccountBaseline['regions'][number]>): Partial<AccountBaseline> => ({
  regions: whole.regions.map((region, index) => (index === 0 ? { ...region, ...change } : region)),
});

describe("an account's baseline", () => {
  it('is met by an account that has everything, a line for each part and region', () => {
    expect(failures({})).toEqual([]);
    expect(reviewBaseline(whole).map(({ what, found }) => `${what}: ${found}`)).toEqual([
      `CloudTrail: a trail of all regions that is logging: ${arn}`,
      'S3: public access blocked for the whole account: all four settings are on',
      'EBS encryption by default in us-east-1: on',
      'Session Manager: sessions are logged in us-east-1: bucket sessions',
      'EBS encryption by default in us-west-2: on',
      'Session Manager: sessions are logged in us-west-2: bucket sessions',
    ]);
  });

  it('needs a trail that covers all regions and logs, and is changed in its home region', () => {
    const trails = (...value: readonly { arn: string; isMultiRegion: boolean; isLogging: boolean }[]) =>
      failures({ trails: { value } });
    const other = { arn: arn.replace('audit', 'other'), isMultiRegion: false, isLogging: true };
    expect(trails(other, { arn, isMultiRegion: true, isLogging: true })).toEqual([]);
    expect(trails(other, { arn, isMultiRegion: true, isLogging: false })).toEqual([
      ['CloudTrail', `aws cloudtrail start-logging --name ${arn} --region eu-west-1`],
    ]);
    expect(trails(other)).toEqual([
      ['CloudTrail', `aws cloudtrail update-trail --name ${other.arn} --is-multi-region-trail --region eu-west-1`],
    ]);
    expect(trails()).toEqual([['CloudTrail', expect.stringMatching(/^aws cloudtrail create-trail .*us-east-1$/)]]);
  });

  it('needs all four settings of the block of public access', () => {
    const remedy = ['S3', expect.stringMatching(/put-public-access-block --account-id 123456789012 /)];
    expect(failures({ publicAccess: { value: null } })).toEqual([remedy]);
    for (const name of Object.keys(block)) {
      expect(failures({ publicAccess: { value: { ...block, [name]: false } } }), name).toEqual([remedy]);
    }
  });

  it('is asked of each region by its name', () => {
    expect(failures(inFirst({ encryptsVolumes: { value: false } }))).toEqual([
      ['EBS encryption by default in us-east-1', 'aws ec2 enable-ebs-encryption-by-default --region us-east-1'],
    ]);
    expect(failures(inFirst({ sessionLogs: { value: null } }))).toEqual([
      ['Session Manager', expect.stringMatching(/^aws ssm create-document .*--region us-east-1$/)],
    ]);
    expect(failures(inFirst({ sessionLogs: { value: { bucket: '', logGroup: '' } } }))).toEqual([
      ['Session Manager', expect.stringMatching(/^aws ssm update-document .*--region us-east-1$/)],
    ]);
  });

  it('is not met by what could not be read: the permission is named with what AWS said', () => {
    const refused = { permission: 'ec2:GetEbsEncryptionByDefault', reason: 'UnauthorizedOperation: no' };
    expect(failures(inFirst({ encryptsVolumes: refused }))).toEqual([
      [
        'EBS encryption by default in us-east-1',
        'could not be read (UnauthorizedOperation: no): allow ec2:GetEbsEncryptionByDefault for these credentials',
      ],
    ]);
  });

  it('reads the preferences of Session Manager, and takes nothing else for them', () => {
    const document = (inputs: unknown) => JSON.stringify({ schemaVersion: '1.0', inputs });
    expect(parseSessionLogs(document({ s3BucketName: 'b', cloudWatchLogGroupName: 'g' }))).toEqual({
      bucket: 'b',
      logGroup: 'g',
    });
    expect(parseSessionLogs(document({ s3BucketName: null }))).toEqual({ bucket: '', logGroup: '' });
    expect(() => parseSessionLogs('{"schemaVersion":"1.0"}')).toThrow('has no inputs');
    expect(() => parseSessionLogs('nothing')).toThrow();
  });
});
