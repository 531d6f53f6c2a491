import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { EC2Client } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import { defineCluster, nodeNamed } from '@pgha/infra/cluster';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostUnreachableError } from '../../src/hosts/host.ts';
import { createSsmHost } from '../../src/hosts/ssm.ts';
import { clientSettings } from '../../src/operations/deploy/aws-access.ts';
import { hostConformance, timeoutConformance } from '../host-conformance.ts';

const cluster = defineCluster();
const bucket = 'artifacts';
const instance = 'i-0123456789abcdef0';

/** How the stand-in behaves; a test changes it. */
interface Behaviour {
  instances: { id: string; state: string }[];
  agent: 'Online' | 'ConnectionLost' | null;
  /** Every so-manyth call is refused as too many; null: none. */
  throttlesEvery: number | null;
  /** How long each answer takes. */
  latencyMs: number;
  /** Instead of running the command. */
  end: { Status: string; StatusDetails: string; StandardErrorContent?: string } | null;
}

/** What the two calls carry that the stand-in looks at. */
interface CommandBody {
  CommandId: string;
  Parameters: { commands: string[] };
}

/**
 * The wire protocol of the three services, recorded from their API references: EC2's query protocol, Systems Manager's JSON
 * with its cut at 24 000 characters, S3's plain objects. Commands are really run, by this computer's shell.
 */
async function startAws(behaviour: Behaviour) {
  const objects = new Map<string, string>();
  const commands = new Map<string, Record<string, unknown>>();
  const sent: { commands: string[] }[] = [];

  const systemsManager: Record<string, (body: CommandBody) => Promise<[number, unknown]>> = {
    DescribeInstanceInformation: async () => [
      200,
      {
        InstanceInformationList:
          behaviour.agent === null
            ? []
            : [{ InstanceId: instance, PingStatus: behaviour.agent, LastPingDateTime: 1_750_000_000 }],
      },
    ],
    SendCommand: async ({ Parameters }) => {
      const { commands: lines } = Parameters;
      const id = `command-${commands.size}`;
      sent.push({ commands: lines });
      commands.set(id, { Status: 'InProgress', StatusDetails: 'InProgress' });
      void (behaviour.end === null ? runScript(lines) : Promise.resolve(behaviour.end)).then((end) =>
        commands.set(id, end),
      );
      return [200, { Command: { CommandId: id } }];
    },
    GetCommandInvocation: async ({ CommandId }) => {
      const known = commands.get(CommandId);
      return known === undefined ? [400, { __type: 'InvocationDoesNotExist' }] : [200, known];
    },
  };

  const answerS3 = async (request: IncomingMessage, response: ServerResponse) => {
    const key = new URL(request.url ?? '', 'http://s3').pathname;
    if (request.method === 'PUT') objects.set(key, await textOf(request));
    if (request.method === 'DELETE') objects.delete(key);
    const found = objects.get(key);
    response.statusCode =
      request.method === 'GET' && found === undefined ? 404 : request.method === 'DELETE' ? 204 : 200;
    response.end(request.method === 'GET' ? found : undefined);
  };

  let calls = 0;
  const server = createServer(async (request, response) => {
    calls += 1;
    const isRefused = behaviour.throttlesEvery !== null && calls % behaviour.throttlesEvery === 0;
    await delay(behaviour.latencyMs);
    if (isRefused && !request.url?.startsWith(`/${bucket}/`)) return refuse(request, response);
    const target = String(request.headers['x-amz-target'] ?? '');
    if (request.url?.startsWith(`/${bucket}/`)) return answerS3(request, response);
    if (target.startsWith('AmazonSSM.')) {
      const [status, body] = (await systemsManager[target.replace('AmazonSSM.', '')]?.(
        JSON.parse(await textOf(request)),
      )) ?? [400, {}];
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
      return;
    }
    await textOf(request);
    const items = behaviour.instances.map(
      ({ id, state }) =>
        `<item><instancesSet><item><instanceId>${id}</instanceId><instanceState><name>${state}</name></instanceState></item></instancesSet></item>`,
    );
    response.setHeader('content-type', 'text/xml');
    response.end(
      `<DescribeInstancesResponse><reservationSet>${items.join('')}</reservationSet></DescribeInstancesResponse>`,
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, objects, sent, close: () => server.close() };
}

/** What a service says to an account that asks too often: before it has done anything. */
async function refuse(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await textOf(request);
  if (request.headers['x-amz-target'] !== undefined) {
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ __type: 'ThrottlingException', message: 'Rate exceeded' }));
    return;
  }
  response.writeHead(503, { 'content-type': 'text/xml' });
  response.end(
    '<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors></Response>',
  );
}

/** What the agent does with `AWS-RunShellScript`, and what Run Command keeps of it. */
async function runScript(lines: readonly string[]) {
  const child = spawn('sh', ['-c', lines.join('\n')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
  const code = child.exitCode ?? (await once(child, 'exit'))[0];
  const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
  const status = code === 0 ? 'Success' : 'Failed';
  return {
    Status: status,
    StatusDetails: status,
    ResponseCode: code,
    StandardOutputContent: text(stdout).slice(0, 24_000),
    StandardErrorContent: text(stderr).slice(0, 8_000),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await request.toArray()).toString();
}

describe('a host behind Systems Manager', () => {
  let behaviour: Behaviour;
  let aws: Awaited<ReturnType<typeof startAws>>;
  const clients: { destroy(): void }[] = [];

  const open = (retries: { maxAttempts: number; retryMode?: string } = { maxAttempts: 1 }) => {
    const settings = {
      region: 'us-east-1',
      endpoint: aws.endpoint,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      ...retries,
    };
    const region = {
      ec2: new EC2Client(settings),
      ssm: new SSMClient(settings),
      s3: new S3Client({ ...settings, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' }),
      artifactBucket: bucket,
    };
    clients.push(region.ec2, region.ssm, region.s3);
    return createSsmHost(cluster, nodeNamed(cluster, 'pg-1'), region, 10);
  };

  beforeEach(async () => {
    behaviour = {
      instances: [{ id: instance, state: 'running' }],
      agent: 'Online',
      throttlesEvery: null,
      latencyMs: 0,
      end: null,
    };
    aws = await startAws(behaviour);
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
    aws.close();
  });

  // it writes files as root, as the agent does
  describe.runIf(process.getuid?.() === 0)('as every host', () => {
    hostConformance(() => open());
    timeoutConformance(() => open());
  });

  it('runs every command once although every third call is refused and each answer takes long', async () => {
    Object.assign(behaviour, { throttlesEvery: 3, latencyMs: 100 });
    const { maxAttempts, retryMode } = clientSettings({ profile: null }, 'us-east-1');
    const host = open({ maxAttempts, retryMode });
    const results = await Promise.all([1, 2, 3, 4].map((number) => host.run(['printf', `${number}`])));
    expect(results.map(({ stdout }) => stdout)).toEqual(['1', '2', '3', '4']);
    expect(aws.sent).toHaveLength(4);
  }, 120_000);

  it('fails by the first refusal without these settings', async () => {
    behaviour.throttlesEvery = 1;
    await expect(open().run(['true'])).rejects.toThrow(/limit exceeded/i);
  });

  it('gives output beyond the 24 000 characters that Run Command keeps, and leaves nothing of it', async () => {
    const script = 'import os; print(os.urandom(100_000).hex())';
    const { stdout } = await open().run(['python3', '-c', script]);
    expect(stdout).toMatch(/^[0-9a-f]{200000}\n$/);
    expect([...aws.objects.keys()]).toEqual([]);
  });

  it('keeps standard input out of what Run Command remembers', async () => {
    const secret = 'a-password-that-nobody-lists';
    expect(await open().run(['cat'], { input: secret })).toMatchObject({ stdout: secret });
    const remembered = JSON.stringify(aws.sent);
    expect(remembered).not.toContain(secret);
    expect(remembered).not.toContain(Buffer.from(secret).toString('base64').slice(0, -4));
    expect([...aws.objects.keys()]).toEqual([]);
  });

  it('sends nothing that Systems Manager would take for a parameter of its own', async () => {
    await open().run(['true', '{{ssm:secret}}']);
    expect(JSON.stringify(aws.sent[0]?.commands)).not.toContain('{{');
  });

  it('kills what does not end, with everything it started', async () => {
    const marker = `sleep 30.${process.pid}`;
    await expect(open().run(['sh', '-c', `${marker} & ${marker}`], { timeoutMs: 300 })).rejects.toThrow(
      /did not end within 300 ms; it was killed/,
    );
    expect((await open().run(['pgrep', '-f', `^${marker}$`])).exitCode).toBe(1);
  });

  it.each([
    ['does not exist', { instances: [] }],
    ['is stopped. Start it with', { instances: [{ id: instance, state: 'stopped' }] }],
    ['agent has not registered yet', { agent: null }],
    ['agent has been unresponsive since 2025-06-15', { agent: 'ConnectionLost' as const }],
    [
      'several EC2 instances',
      {
        instances: [
          { id: 'i-1', state: 'running' },
          { id: 'i-2', state: 'pending' },
        ],
      },
    ],
    ['did not accept "true"', { end: { Status: 'TimedOut', StatusDetails: 'Delivery Timed Out' } }],
    ['Undeliverable', { end: { Status: 'Failed', StatusDetails: 'Undeliverable' } }],
  ])('cannot be reached: %s', async (message, change) => {
    Object.assign(behaviour, change);
    const error = await open()
      .run(['true'])
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HostUnreachableError);
    expect((error as Error).message).toContain(message);
  });

  it.each([
    ['was cancelled in Systems Manager', { Status: 'Cancelled', StatusDetails: 'Cancelled' }],
    ['did not end within', { Status: 'TimedOut', StatusDetails: 'Execution Timed Out' }],
    ['no python', { Status: 'Failed', StatusDetails: 'Failed', StandardErrorContent: 'no python\n' }],
  ])('tells a command that failed from a machine that is not there: %s', async (message, end) => {
    behaviour.end = end;
    const error = await open()
      .run(['true'])
      .catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(HostUnreachableError);
    expect((error as Error).message).toContain(message);
  });
});
