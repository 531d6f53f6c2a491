import { hostname, userInfo } from 'node:os';
import {
  DescribeInstancesCommand,
  EC2Client,
  RebootInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  waitUntilInstanceStopped,
} from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import {
  bucketName,
  type Cluster,
  machineResourceName,
  type Node,
  nodeBeyond,
  nodesOf,
  type Region,
  regionOf,
  secretsKeyAlias,
} from '@pgha/infra/cluster';
import { awsSite } from '@pgha/infra/machines';
import { createSsmHost, type SsmRegion } from '../hosts/ssm.ts';
import { forwardThroughInstance } from '../hosts/tunnel.ts';
import { type AwsLogin, clientSettings, type Identity } from '../operations/deploy/aws-access.ts';
import { readConsole } from '../operations/deploy/console.ts';
import { describeRetained, findRetainedVolumes } from '../operations/deploy/retained-volumes.ts';
import { mirroredStore, ssmStore } from '../secrets/index.ts';
import type { Installation, Power } from './installation.ts';

/** A forced stop takes a minute; an instance whose hardware is lost stays "stopping" for longer. */
const stopTimeoutSeconds = 300;

/**
 * The cluster on AWS, for as long as the work takes. A region's clients are made when it is first asked for, so that a lost
 * region keeps nobody waiting.
 */
export async function withAws<T>(
  cluster: Cluster,
  { login, identity }: { login: AwsLogin; identity: Identity },
  signal: AbortSignal,
  work: (installation: Installation) => Promise<T>,
): Promise<T> {
  const clients: { destroy(): void }[] = [];
  const kept = <C extends { destroy(): void }>(client: C): C => {
    clients.push(client);
    return client;
  };
  const opened = new Map<string, SsmRegion>();
  const servicesOf = (region: Region): SsmRegion => {
    const there = opened.get(region.awsRegion);
    if (there !== undefined) return there;
    const settings = clientSettings(login, region.awsRegion);
    const services = {
      ec2: kept(new EC2Client(settings)),
      ssm: kept(new SSMClient(settings)),
      // a URL is signed before its content is known: a checksum in it would be that of nothing
      s3: kept(new S3Client({ ...settings, requestChecksumCalculation: 'WHEN_REQUIRED' })),
      artifactBucket: bucketName(cluster, region, 'artifacts', identity.account),
    };
    opened.set(region.awsRegion, services);
    return services;
  };
  const installation: Installation = {
    kind: 'aws',
    cluster,
    operator: `${identity.arn} (${userInfo().username}@${hostname()})`,
    signal,
    host: (node) => createSsmHost(cluster, node, servicesOf(regionOf(cluster, node))),
    addressOf: async (node) => {
      const found = await findInstance(cluster, node, servicesOf(regionOf(cluster, node)).ec2);
      if (found?.publicAddress == null) {
        throw new Error(`${node.name} has no public address. Connect through Session Manager or the bastion`);
      }
      return found.publicAddress;
    },
    tunnel: async (region, port) => {
      const [bastion] = nodesOf(region, 'bastion');
      const found = bastion === undefined ? null : await findInstance(cluster, bastion, servicesOf(region).ec2);
      if (found === null) throw new Error(`${region.awsRegion} has no bastion to connect through`);
      const { profile } = login;
      const way = { profile, region: region.awsRegion };
      return forwardThroughInstance(way, found.id, region.loadBalancer.hostname, port);
    },
    site: (region) => awsSite(cluster, region, identity.account),
    secrets: ([first, ...others]) => {
      const store = ({ awsRegion }: Region) =>
        // Parameter Store throttles writes at a few a second for a new account
        ssmStore(
          kept(new SSMClient({ ...clientSettings(login, awsRegion), maxAttempts: 10 })),
          awsRegion,
          secretsKeyAlias(cluster),
        );
      return mirroredStore([store(first), ...others.map(store)]);
    },
    s3: (region) => servicesOf(region).s3,
    consoleOf: (node) => readConsole(servicesOf(homeOf(cluster, node)).ec2, cluster, node),
    retainedVolumes: async (region) =>
      describeRetained(region, await findRetainedVolumes(servicesOf(region).ec2, cluster, region)),
    power: ec2Power(cluster, (node) => servicesOf(homeOf(cluster, node)).ec2),
  };
  try {
    return await work(installation);
  } finally {
    for (const client of clients) client.destroy();
  }
}

/** The region of a machine, also of one that the configuration no longer has. */
const homeOf = (cluster: Cluster, node: Node) => nodeBeyond(cluster, node.name)?.region ?? regionOf(cluster, node);

/** The instance that is this machine; null: there is none. */
async function findInstance(cluster: Cluster, node: Node, client: EC2Client) {
  const { Reservations: reservations = [] } = await client.send(
    new DescribeInstancesCommand({ Filters: [{ Name: 'tag:Name', Values: [machineResourceName(cluster, node)] }] }),
  );
  const instance = reservations
    .flatMap(({ Instances: instances = [] }) => instances)
    .find(({ State: state }) => state?.Name !== 'terminated');
  return instance?.InstanceId === undefined
    ? null
    : {
        id: instance.InstanceId,
        state: instance.State?.Name ?? 'unknown',
        publicAddress: instance.PublicIpAddress ?? null,
      };
}

/** EC2's switches. */
function ec2Power(cluster: Cluster, clientOf: (node: Node) => EC2Client): Power {
  const find = (node: Node) => findInstance(cluster, node, clientOf(node));
  const require = async (node: Node) => {
    const found = await find(node);
    if (found === null)
      throw new Error(
        `${node.name} does not exist: no EC2 instance has the name ${machineResourceName(cluster, node)}`,
      );
    return found;
  };
  return {
    state: async (node) => {
      const found = await find(node);
      if (found === null) return 'missing';
      return found.state === 'stopped' ? 'off' : 'running';
    },
    cut: async (node) => {
      const { id, state } = await require(node);
      if (state === 'stopped') return;
      const client = clientOf(node);
      await client.send(new StopInstancesCommand({ InstanceIds: [id], Force: true }));
      await waitUntilInstanceStopped({ client, maxWaitTime: stopTimeoutSeconds }, { InstanceIds: [id] });
    },
    start: async (node) => {
      const { id } = await require(node);
      await clientOf(node).send(new StartInstancesCommand({ InstanceIds: [id] }));
    },
    reboot: async (node) => {
      const { id } = await require(node);
      await clientOf(node).send(new RebootInstancesCommand({ InstanceIds: [id] }));
    },
  };
}
