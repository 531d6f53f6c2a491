import { S3Client } from '@aws-sdk/client-s3';
import { bucketName, type Cluster, type Region } from '@pgha/infra/cluster';
import { RefusedError } from '../../exit-codes.ts';
import { type AwsLogin, clientSettings, type Identity, whoAmI } from './aws-access.ts';
import { hasStateBucket } from './state-buckets.ts';

/** The first Terraform whose S3 backend locks the state by itself. */
const leastTerraform = [1, 11] as const;

/** What is asked about this computer and about AWS; a test brings its own answers. */
export interface Surroundings {
  terraformVersion(): Promise<string | null>;
  whoAmI(login: AwsLogin, awsRegion: string): Promise<Identity>;
  hasStateBucket(login: AwsLogin, awsRegion: string, bucket: string): Promise<boolean>;
}

/** The real ones. */
export function surroundings(terraformVersion: () => Promise<string | null>): Surroundings {
  return {
    terraformVersion,
    whoAmI,
    hasStateBucket: async (login, awsRegion, bucket) => {
      const client = new S3Client(clientSettings(login, awsRegion));
      try {
        return await hasStateBucket(client, bucket);
      } finally {
        client.destroy();
      }
    },
  };
}

/** What prevents a deployment from this computer, by subject; no obstacle is an empty list. */
export interface Prerequisites {
  identity: Identity | null;
  terraform: { version: string | null; obstacles: readonly string[] };
  credentials: readonly string[];
  state: readonly string[];
}

/**
 * Finds out whether a region can be planned and deployed from here, before anything is touched.
 *
 * @param regions whose state is needed.
 * @returns whose credentials are used.
 * @throws RefusedError with everything that stands in the way and what to do about each.
 */
export async function checkPrerequisites(
  cluster: Cluster,
  regions: readonly Region[],
  login: AwsLogin,
  around: Surroundings,
): Promise<Identity> {
  const { identity, terraform, credentials, state } = await findPrerequisites(cluster, regions, login, around);
  const obstacles = [...terraform.obstacles, ...credentials, ...state];
  if (identity === null || obstacles.length > 0) {
    throw new RefusedError(`prerequisites are not met:\n${obstacles.map((line) => `  - ${line}`).join('\n')}`);
  }
  return identity;
}

/**
 * Whose credentials are used, for a command that works on a running cluster.
 *
 * @throws RefusedError that names the profile and says what to do, when AWS does not accept them or cannot be reached.
 */
export async function requireIdentity(
  cluster: Cluster,
  login: AwsLogin,
  around: Pick<Surroundings, 'whoAmI'> = { whoAmI },
): Promise<Identity> {
  try {
    return await around.whoAmI(login, cluster.primary.awsRegion);
  } catch (error) {
    const obstacle = credentialsObstacle(login, error as Error);
    throw new RefusedError(`${obstacle} "pgha doctor" checks the rest.`, { cause: error });
  }
}

/** The same, without a refusal. */
export async function findPrerequisites(
  cluster: Cluster,
  regions: readonly Region[],
  login: AwsLogin,
  around: Surroundings,
): Promise<Prerequisites> {
  const version = await around.terraformVersion();
  const credentials: string[] = [];
  const state: string[] = [];
  let identity: Identity | null = null;
  try {
    identity = await around.whoAmI(login, cluster.primary.awsRegion);
  } catch (error) {
    credentials.push(credentialsObstacle(login, error as Error));
  }
  if (identity !== null && cluster.state === 's3') {
    for (const region of regions) {
      const bucket = bucketName(cluster, region, 'state', identity.account);
      if (!(await around.hasStateBucket(login, region.awsRegion, bucket))) {
        state.push(
          `bucket ${bucket} for the Terraform state does not exist in ${region.awsRegion}. Create it with "pgha bootstrap", or set state: 'local' in the configuration.`,
        );
      }
    }
  }
  return { identity, terraform: { version, obstacles: terraformObstacles(version) }, credentials, state };
}

function terraformObstacles(version: string | null): readonly string[] {
  const wanted = leastTerraform.join('.');
  if (version === null) {
    return [
      `terraform is not in PATH. Install version ${wanted} or later: https://developer.hashicorp.com/terraform/install`,
    ];
  }
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const [leastMajor, leastMinor] = leastTerraform;
  const isEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return isEnough
    ? []
    : [`terraform ${version} is too old: state locking in S3 needs ${wanted}. Install ${wanted} or later.`];
}

/** No answer: what the sockets of Node and the SDK say when the network is down. */
const isUnreachable = ({ name, code }: Error & { code?: string }) =>
  name === 'TimeoutError' ||
  ['ECONNREFUSED', 'ECONNRESET', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'ETIMEDOUT'].includes(
    code ?? '',
  );

function credentialsObstacle({ profile }: AwsLogin, error: Error): string {
  const why = error.message.trim().replace(/\.$/, '');
  if (isUnreachable(error)) {
    return `AWS is unreachable from this computer: ${why}. Check the network, the proxy, and AWS_ENDPOINT_URL if it is set.`;
  }
  return profile === null
    ? `AWS rejected the credentials of the environment: ${why}. Check AWS_PROFILE, AWS_ACCESS_KEY_ID and related variables, or log in again.`
    : `no AWS credentials for profile "${profile}": ${why}. Log in with "aws sso login --profile ${profile}", create the profile with "aws configure --profile ${profile}", or set AWS_PROFILE (or awsProfile in the configuration).`;
}
