import { RunInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import {
  CreateBucketCommand,
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { bucketName, defineCluster, machineResourceName, nodeNamed, regionsOf } from '@pgha/infra/cluster';
import { programBundle } from '@pgha/infra/machines';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSsmHost } from '../../src/hosts/ssm.ts';
import { openExchange } from '../../src/hosts/ssm-exchange.ts';
import { clientSettings, whoAmI, withRegion, withSecrets } from '../../src/operations/deploy/aws-access.ts';
import { checkPrerequisites, surroundings } from '../../src/operations/deploy/prerequisites.ts';
import { planBootstrap } from '../../src/operations/deploy/state-buckets.ts';
import { uploadPrograms } from '../../src/operations/deploy/steps.ts';
import { scopeOf } from '../../src/operations/deploy/target.ts';
import { secretsInit } from '../../src/secrets/index.ts';
import { type StandIn, startStandIn } from './aws-stand-in.ts';

const cluster = defineCluster();
const login = { profile: null };
const around = surroundings(async () => '1.11.4');

/**
 * The parts of a deploy that talk to AWS, against moto. It knows no instance's agent and runs no command: those are tested
 * with a recorded protocol in test/hosts/ssm.test.ts.
 */
describe('a deploy, against the stand-in for AWS', () => {
  let standIn: StandIn;
  let account: string;
  const before = { ...process.env };

  beforeAll(async () => {
    standIn = await startStandIn();
    Object.assign(process.env, standIn.environment);
    ({ account } = await whoAmI(login, 'us-east-1'));
  });
  afterAll(async () => {
    for (const name of Object.keys(standIn.environment)) delete process.env[name];
    Object.assign(process.env, before);
    await standIn.stop();
  });

  it('refuses without buckets for the state, and goes on once bootstrap made them, twice', async () => {
    const check = () => checkPrerequisites(cluster, regionsOf(cluster), login, around);
    await expect(check()).rejects.toThrow(
      /bucket pgha-prod-state-primary-.* does not exist.*bucket pgha-prod-state-dr-.* does not exist/s,
    );
    for (const _ of ['first', 'again']) {
      for (const { run } of planBootstrap(cluster, login, account)) await run(() => {});
    }
    await expect(check()).resolves.toMatchObject({ account });
    for (const region of regionsOf(cluster)) {
      const client = new S3Client(clientSettings(login, region.awsRegion));
      const Bucket = bucketName(cluster, region, 'state', account);
      const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket }));
      const encryption = await client.send(new GetBucketEncryptionCommand({ Bucket }));
      const { PublicAccessBlockConfiguration: block } = await client.send(new GetPublicAccessBlockCommand({ Bucket }));
      client.destroy();
      const [rule] = encryption.ServerSideEncryptionConfiguration?.Rules ?? [];
      expect(Status).toBe('Enabled');
      expect(rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm).toBe('aws:kms');
      expect(Object.values(block ?? {})).toEqual([true, true, true, true]);
    }
  });

  it('makes every secret once, the same in both regions', async () => {
    const init = (target: 'primary' | 'dr', alone: boolean) =>
      withSecrets(scopeOf(cluster, target, alone), login, (store) => secretsInit(cluster, store));
    const first = await init('primary', false);
    expect(first.created.length).toBeGreaterThan(20);
    expect((await init('primary', false)).created).toEqual([]);
    // the second region alone finds all of them: it can be deployed while the first is lost
    expect((await init('dr', true)).created).toEqual([]);
  });

  it('uploads what new machines fetch, under the name their user-data has', async () => {
    const { key, bytes } = programBundle(cluster);
    await withRegion(cluster, cluster.primary, { login, account }, async (services) => {
      await services.s3.send(new CreateBucketCommand({ Bucket: services.artifactBucket }));
      await uploadPrograms(services, programBundle(cluster));
      const { Body } = await services.s3.send(new GetObjectCommand({ Bucket: services.artifactBucket, Key: key }));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true);
    });
  });

  it('hands texts over by URLs alone, and leaves nothing', async () => {
    await withRegion(cluster, cluster.primary, { login, account }, async ({ s3, artifactBucket }) => {
      const exchange = openExchange(s3, artifactBucket, 'pg-1', 60);
      const given = await fetch(await exchange.offerInput('a secret'));
      expect(await given.text()).toBe('a secret');
      const put = await fetch(await exchange.outputUrl(), { method: 'PUT', body: 'an answer' });
      expect(put.ok).toBe(true);
      expect(await exchange.readOutput()).toBe('an answer');
      await exchange.clear();
      await expect(exchange.readOutput()).rejects.toThrow(/NoSuchKey|does not exist/);
    });
  });

  it('tells a machine that was never made from one that is switched off, and from two of one name', async () => {
    const node = nodeNamed(cluster, 'pg-1');
    await withRegion(cluster, cluster.primary, { login, account }, async (services) => {
      const run = () => createSsmHost(cluster, node, services).run(['true']);
      const start = async () => {
        const tags = [{ Key: 'Name', Value: machineResourceName(cluster, node) }];
        const { Instances: instances = [] } = await services.ec2.send(
          new RunInstancesCommand({
            ImageId: 'ami-12c6146b',
            InstanceType: 't3.micro',
            MinCount: 1,
            MaxCount: 1,
            TagSpecifications: [{ ResourceType: 'instance', Tags: tags }],
          }),
        );
        return instances.map(({ InstanceId: id = '' }) => id);
      };
      await expect(run()).rejects.toThrow(/pg-1 does not exist: no EC2 instance has the name pgha-prod-pg-1/);
      await services.ec2.send(new StopInstancesCommand({ InstanceIds: await start() }));
      await expect(run()).rejects.toThrow(/pg-1 is stopped\. Start it with "aws ec2 start-instances/);
      await start();
      await expect(run()).rejects.toThrow(/several EC2 instances have the name pgha-prod-pg-1/);
    });
  });
});
