/** What a service said, or why it did not: the permission that is missing with what AWS said. */
export type Answer<T> = { value: T } | { permission: string; reason: string };

/** What an account's security rests on, as its services say it. */
export interface AccountBaseline {
  account: string;
  /** Where what belongs to the whole account was asked. */
  awsRegion: string;
  trails: Answer<readonly Trail[]>;
  /** The account's own block of public access to S3; null: none is set. */
  publicAccess: Answer<PublicAccessBlock | null>;
  regions: readonly RegionBaseline[];
}

/** A trail of CloudTrail. */
export interface Trail {
  arn: string;
  isMultiRegion: boolean;
  isLogging: boolean;
}

export interface PublicAccessBlock {
  blockPublicAcls: boolean;
  ignorePublicAcls: boolean;
  blockPublicPolicy: boolean;
  restrictPublicBuckets: boolean;
}

export interface RegionBaseline {
  awsRegion: string;
  encryptsVolumes: Answer<boolean>;
  /** Where Session Manager logs sessions to; null: there is no document of preferences. */
  sessionLogs: Answer<SessionLogs | null>;
}

/** An empty name is no destination. */
export interface SessionLogs {
  bucket: string;
  logGroup: string;
}

/** One part of the baseline: what was found, or null and what to do. */
export interface BaselineCheck {
  what: string;
  found: string | null;
  remedies: readonly string[];
}

/** Holds an account against the baseline. Pure. */
export function reviewBaseline(baseline: AccountBaseline): readonly BaselineCheck[] {
  return [
    reviewed('CloudTrail: a trail of all regions that is logging', baseline.trails, (trails) =>
      reviewTrails(trails, baseline.awsRegion),
    ),
    reviewed('S3: public access blocked for the whole account', baseline.publicAccess, (block) =>
      reviewPublicAccess(block, baseline.account),
    ),
    ...baseline.regions.flatMap(({ awsRegion, encryptsVolumes, sessionLogs }) => [
      reviewed(`EBS encryption by default in ${awsRegion}`, encryptsVolumes, (isOn) =>
        isOn ? found('on') : missing(`aws ec2 enable-ebs-encryption-by-default --region ${awsRegion}`),
      ),
      reviewed(`Session Manager: sessions are logged in ${awsRegion}`, sessionLogs, (logs) =>
        reviewSessionLogs(logs, awsRegion),
      ),
    ]),
  ];
}

type Verdict = Pick<BaselineCheck, 'found' | 'remedies'>;
const found = (what: string): Verdict => ({ found: what, remedies: [] });
const missing = (...remedies: readonly string[]): Verdict => ({ found: null, remedies });

/** What could not be read is not passed: a baseline that nobody could see is none. */
function reviewed<T>(what: string, answer: Answer<T>, judge: (value: T) => Verdict): BaselineCheck {
  return {
    what,
    ...('value' in answer
      ? judge(answer.value)
      : missing(`could not be read (${answer.reason}): allow ${answer.permission} for these credentials`)),
  };
}

function reviewTrails(trails: readonly Trail[], awsRegion: string): Verdict {
  const everywhere = trails.filter(({ isMultiRegion }) => isMultiRegion);
  const [logging] = everywhere.filter(({ isLogging }) => isLogging);
  if (logging !== undefined) return found(logging.arn);
  const [silent] = everywhere;
  if (silent !== undefined)
    return missing(`aws cloudtrail start-logging --name ${silent.arn} --region ${homeOf(silent)}`);
  const [narrow] = trails;
  if (narrow !== undefined)
    return missing(
      `aws cloudtrail update-trail --name ${narrow.arn} --is-multi-region-trail --region ${homeOf(narrow)}`,
      ...(narrow.isLogging ? [] : [`aws cloudtrail start-logging --name ${narrow.arn} --region ${homeOf(narrow)}`]),
    );
  return missing(
    `aws cloudtrail create-trail --name audit --s3-bucket-name BUCKET --is-multi-region-trail --enable-log-file-validation --region ${awsRegion}`,
    `aws cloudtrail start-logging --name audit --region ${awsRegion}`,
    'BUCKET: one of another account whose policy lets CloudTrail write',
  );
}

/** A trail is changed in its home region only, which its ARN names. */
const homeOf = ({ arn }: Trail) => arn.split(':')[3] ?? '';

function reviewPublicAccess(block: PublicAccessBlock | null, account: string): Verdict {
  if (block !== null && Object.values(block).every((isOn) => isOn)) return found('all four settings are on');
  return missing(
    `aws s3control put-public-access-block --account-id ${account} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true`,
    'check first that no bucket of the account is public on purpose',
  );
}

/** The name that Session Manager reads its preferences by (Systems Manager user guide). */
export const sessionDocument = 'SSM-SessionManagerRunShell';

function reviewSessionLogs(logs: SessionLogs | null, awsRegion: string): Verdict {
  const destinations = [
    ...(logs?.logGroup ? [`log group ${logs.logGroup}`] : []),
    ...(logs?.bucket ? [`bucket ${logs.bucket}`] : []),
  ];
  if (destinations.length > 0) return found(destinations.join(', '));
  const content =
    `'{"schemaVersion":"1.0","description":"Session preferences","sessionType":"Standard_Stream",` +
    `"inputs":{"cloudWatchLogGroupName":"LOG_GROUP","cloudWatchEncryptionEnabled":true,"cloudWatchStreamingEnabled":true}}'`;
  return missing(
    logs === null
      ? `aws ssm create-document --name ${sessionDocument} --document-type Session --document-format JSON --content ${content} --region ${awsRegion}`
      : `aws ssm update-document --name ${sessionDocument} --document-version '$LATEST' --content ${content} --region ${awsRegion}`,
    'LOG_GROUP: an encrypted log group that the roles of the nodes may write to; pgha does not give them that',
  );
}

/**
 * Where the preferences of Session Manager send logs to.
 *
 * @param content the document's, JSON.
 * @throws when it is not the preferences' JSON.
 */
export function parseSessionLogs(content: string): SessionLogs {
  const document: unknown = JSON.parse(content);
  const inputs = isRecord(document) ? document['inputs'] : null;
  if (!isRecord(inputs)) throw new Error(`${sessionDocument} has no inputs`);
  const text = (name: string) => {
    const value = inputs[name];
    return typeof value === 'string' ? value : '';
  };
  return { bucket: text('s3BucketName'), logGroup: text('cloudWatchLogGroupName') };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
