import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import type { Cluster, Region } from '@pgha/infra/cluster';
import { regionsOf } from '@pgha/infra/cluster';
import { type Authority, createAuthorityCertificate, createKey, issueCertificate } from '../secrets/index.ts';
import { waitUntil } from '../wait-until.ts';
import { awsAddresses, awsNetwork, networkNames } from './addresses.ts';
import { renderAwsFiles } from './aws-machine.ts';
import type { MachinePlan } from './machines.ts';
import { authorityFolder, type Places } from './places.ts';

/** The stand-in's machine, beside the cluster's. */
export const awsMachineName = 'aws';

/** moto, which reads an object whole before it sends it, and HAProxy. */
const awsMemoryBytes = 2 * 1024 ** 3;

/** The services whose names the stand-in answers to. */
type Service = 'ssm' | 's3' | 'sns';
const services: readonly Service[] = ['ssm', 's3', 'sns'];

/** Anything passes: the stand-in checks no keys, and of policies those of buckets. */
const credentials = { accessKeyId: 'lab', secretAccessKey: 'lab' } as const;

/** The names AWS has for a service of a region; S3 of us-east-1 also has the oldest one, which SDKs still use. */
function endpointNames(service: Service, { awsRegion }: Region): readonly string[] {
  const global = service === 's3' && awsRegion === 'us-east-1' ? ['s3.amazonaws.com'] : [];
  return [`${service}.${awsRegion}.amazonaws.com`, ...global];
}

/** Every name the stand-in answers to, with its address; buckets are names of their own below S3's. */
export function awsHosts(cluster: Cluster, buckets: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    regionsOf(cluster).flatMap((region) => [
      ...services.flatMap((service) =>
        endpointNames(service, region).map((name) => [name, awsAddresses[service][region.kind]]),
      ),
      ...endpointNames('s3', region).flatMap((name) =>
        buckets.map((bucket) => [`${bucket}.${name}`, awsAddresses.s3[region.kind]]),
      ),
    ]),
  );
}

/**
 * The lab's own CA, which signs what AWS's endpoints show; made at the first call. It has nothing to do with the cluster's CA.
 */
export async function provideAuthority(places: Places): Promise<Authority> {
  const [certificateFile, keyFile] = [join(authorityFolder(places), 'ca.crt'), join(authorityFolder(places), 'ca.key')];
  const read = (file: string) => readFile(file, 'utf8').catch(() => null);
  const [certificate, key] = [await read(certificateFile), await read(keyFile)];
  if (certificate !== null && key !== null) return { certificate, key };
  await mkdir(authorityFolder(places), { recursive: true, mode: 0o700 });
  const newKey = createKey();
  const made = {
    certificate: await createAuthorityCertificate(newKey, 'pgha lab AWS stand-in', new Date()),
    key: newKey,
  };
  await writeFile(keyFile, made.key, { mode: 0o600 });
  await writeFile(certificateFile, made.certificate);
  return made;
}

/** The machine that stands for AWS: moto behind a TLS front with the endpoints' names, and the metadata service. */
export async function planAwsMachine(cluster: Cluster, authority: Authority): Promise<MachinePlan> {
  const regions = regionsOf(cluster);
  const addresses = services.flatMap((service) => regions.map((region) => awsAddresses[service][region.kind]));
  const key = createKey();
  const names = regions.flatMap((region) => [
    ...services.flatMap((service) => endpointNames(service, region)),
    ...endpointNames('s3', region).map((name) => `*.${name}`),
  ]);
  const [first = awsMachineName, ...others] = names;
  const certificate = await issueCertificate(authority, key, { names: [first, ...others], addresses }, new Date());
  return {
    name: awsMachineName,
    hostname: awsMachineName,
    memoryBytes: awsMemoryBytes,
    attachment: {
      namespace: networkNames.hub,
      bridge: networkNames.bridge,
      addresses: [awsAddresses.machine, ...addresses, awsAddresses.metadata],
      prefixLength: awsNetwork.prefixLength,
      gateway: awsNetwork.gateway,
      neighbours: [],
    },
    userData: null,
    files: renderAwsFiles({ addresses, certificateAndKey: `${certificate}${key}`, cluster }),
    volumeBytes: null,
  };
}

/** Waits until moto answers; it needs about four seconds, and twelve on two busy cores. */
export async function waitForAws(cluster: Cluster, authority: Authority, signal?: AbortSignal): Promise<void> {
  // an address that does not answer yet takes the whole time-out, and a client that tries again pauses in between
  const client = s3Client(cluster.primary, authority, { connectionTimeout: 300, maxAttempts: 1 });
  try {
    await waitUntil(() => client.send(new ListBucketsCommand()), {
      what: 'the AWS stand-in to respond',
      timeoutMs: 90_000,
      everyMs: 300,
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    client.destroy();
  }
}

/** Makes a bucket unless it is there. */
export async function provideBucket(client: S3Client, region: Region, bucket: string): Promise<void> {
  // us-east-1 is the one region whose name must not be said
  const constraint =
    region.awsRegion === 'us-east-1'
      ? {}
      : { CreateBucketConfiguration: { LocationConstraint: region.awsRegion as 'us-west-2' } };
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket, ...constraint }));
  } catch (error) {
    const { name } = error as Error;
    if (name !== 'BucketAlreadyOwnedByYou' && name !== 'BucketAlreadyExists') throw error;
  }
}

/**
 * S3 of a region as this machine reaches it: by the stand-in's address, since the real name leads to AWS.
 *
 * @param patience how long a connection may take, in milliseconds, and how often a request is tried.
 */
export function s3Client(
  region: Region,
  authority: Authority,
  { connectionTimeout = 3_000, maxAttempts = 3 } = {},
): S3Client {
  return new S3Client({
    region: region.awsRegion,
    endpoint: `https://${awsAddresses.s3[region.kind]}`,
    forcePathStyle: true,
    // with it the SDK sends large objects over an agent of its own, which does not know our CA
    expectContinueHeader: false,
    credentials,
    maxAttempts,
    requestHandler: { httpsAgent: { ca: authority.certificate }, requestTimeout: 30_000, connectionTimeout },
  });
}

/** Parameter Store of a region, as `s3Client`. */
export function ssmClient(region: Region, authority: Authority): SSMClient {
  return new SSMClient({
    region: region.awsRegion,
    endpoint: `https://${awsAddresses.ssm[region.kind]}`,
    credentials,
    requestHandler: { httpsAgent: { ca: authority.certificate }, requestTimeout: 30_000, connectionTimeout: 3_000 },
  });
}
