import { setTimeout as delay } from 'node:timers/promises';
import { DescribeInstancesCommand, type EC2Client } from '@aws-sdk/client-ec2';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  CancelCommandCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  type GetCommandInvocationCommandOutput,
  InvalidInstanceId,
  InvocationDoesNotExist,
  SendCommandCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { type Cluster, machineResourceName, type Node } from '@pgha/infra/cluster';
import { readFileByCommand, writeFileByCommand } from './files.ts';
import {
  CommandTimeoutError,
  defaultRunTimeoutMs,
  type Host,
  HostUnreachableError,
  type RunOptions,
  type RunResult,
} from './host.ts';
import { briefly, reasonIn } from './said.ts';
import { CommandTimedOutError, inlineLimit, runnerScript, unpackResult } from './ssm-command.ts';
import { openExchange } from './ssm-exchange.ts';

/** The services of one region, and the bucket that both sides reach. */
export interface SsmRegion {
  ec2: EC2Client;
  ssm: SSMClient;
  s3: S3Client;
  artifactBucket: string;
}

/** The least Systems Manager accepts: how long a command may wait for its machine. */
const deliverySeconds = 30;
/** What delivery and the answer may take on top of the command itself. */
const graceMs = 60_000;

/**
 * A machine on EC2, entered by Systems Manager's Run Command: nothing has to be open for it.
 *
 * @param pollMs how often the end of a command is asked for.
 */
export function createSsmHost(cluster: Cluster, node: Node, region: SsmRegion, pollMs = 500): Host {
  const { name } = node;
  const run = async (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const timeoutMs = options.timeoutMs ?? defaultRunTimeoutMs;
    const instance = await findInstance(cluster, node, region);
    const expiresInSeconds = Math.ceil((timeoutMs + 2 * graceMs) / 1000);
    const exchange = openExchange(region.s3, region.artifactBucket, name, expiresInSeconds);
    try {
      const request = {
        argv,
        inputUrl: options.input === undefined || options.input === '' ? null : await exchange.offerInput(options.input),
        outputUrl: await exchange.outputUrl(),
        timeoutSeconds: timeoutMs / 1000,
        inlineLimit,
      };
      const said = await execute(region.ssm, { name, instance, argv, timeoutMs, pollMs }, runnerScript(request));
      return unpackResult(said === 'exchange' ? await exchange.readOutput() : said);
    } catch (error) {
      if (error instanceof CommandTimedOutError) {
        throw new CommandTimeoutError(name, argv, timeoutMs, { cause: error });
      }
      throw error;
    } finally {
      await exchange.clear();
    }
  };
  return {
    name,
    run,
    readFile: (path) => readFileByCommand(name, run, path),
    writeFile: (path, content, options) => writeFileByCommand(name, run, path, content, options),
  };
}

/** The machine's instance; says which of "never made", "switched off" and "does not answer" it is otherwise. */
async function findInstance(cluster: Cluster, node: Node, { ec2, ssm }: SsmRegion): Promise<string> {
  const name = machineResourceName(cluster, node);
  const { Reservations: reservations = [] } = await ec2.send(
    new DescribeInstancesCommand({ Filters: [{ Name: 'tag:Name', Values: [name] }] }),
  );
  const instances = reservations
    .flatMap(({ Instances: found = [] }) => found)
    .map(({ InstanceId: id = '', State: state }) => ({ id, state: state?.Name ?? 'unknown' }))
    .filter(({ state }) => state !== 'terminated');
  const [first, ...others] = instances;
  if (first === undefined) {
    throw new HostUnreachableError(
      `${node.name} does not exist: no EC2 instance has the name ${name}. Deploy the region: pgha deploy`,
    );
  }
  if (others.length > 0) {
    const ids = instances.map(({ id, state }) => `${id} (${state})`).join(', ');
    throw new HostUnreachableError(
      `${node.name}: several EC2 instances have the name ${name}: ${ids}. Terminate the wrong one`,
    );
  }
  if (first.state !== 'running') {
    throw new HostUnreachableError(
      `${node.name} is ${first.state}. Start it with "aws ec2 start-instances --instance-ids ${first.id}"`,
    );
  }
  const { InstanceInformationList: agents = [] } = await ssm.send(
    new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [first.id] }] }),
  );
  const [agent] = agents;
  if (agent === undefined) {
    throw new HostUnreachableError(
      `${node.name} (${first.id}) is running, but its Systems Manager agent has not registered yet`,
    );
  }
  if (agent.PingStatus !== 'Online') {
    const since = agent.LastPingDateTime?.toISOString() ?? 'an unknown time';
    throw new HostUnreachableError(
      `${node.name} (${first.id}) is running, but its Systems Manager agent has been unresponsive since ${since}. ` +
        `Check "aws ec2 get-console-output --instance-id ${first.id}"`,
    );
  }
  return first.id;
}

interface Execution {
  name: string;
  instance: string;
  argv: readonly string[];
  timeoutMs: number;
  pollMs: number;
}

/** Sends a script and waits for its end; gives its output. */
async function execute(ssm: SSMClient, execution: Execution, script: readonly string[]): Promise<string> {
  const { name, instance, timeoutMs, pollMs } = execution;
  const executionSeconds = Math.ceil((timeoutMs + graceMs / 2) / 1000);
  const sent = await ssm
    .send(
      new SendCommandCommand({
        InstanceIds: [instance],
        DocumentName: 'AWS-RunShellScript',
        Comment: `pgha: ${execution.argv[0] ?? ''}`.slice(0, 100),
        TimeoutSeconds: deliverySeconds,
        Parameters: { commands: [...script], executionTimeout: [`${executionSeconds}`] },
      }),
    )
    .catch((error: unknown) => {
      if (!(error instanceof InvalidInstanceId)) throw error;
      throw new HostUnreachableError(`${name} (${instance}) does not accept commands: ${error.message}`, {
        cause: error,
      });
    });
  const command = sent.Command?.CommandId;
  if (command === undefined)
    throw new Error(`${name}: Systems Manager accepted the command without returning a command ID`);

  const deadline = Date.now() + timeoutMs + graceMs;
  for (;;) {
    const invocation = await readInvocation(ssm, command, instance);
    if (invocation !== null) {
      const output = judge(execution, command, invocation);
      if (output !== null) return output;
    }
    if (Date.now() > deadline) {
      await ssm.send(new CancelCommandCommand({ CommandId: command, InstanceIds: [instance] }));
      throw new HostUnreachableError(
        `${name}: no result from "${briefly(execution.argv)}" (${command}) within ${timeoutMs + graceMs} ms`,
      );
    }
    await delay(pollMs);
  }
}

/** What is known of a command, or null in the moment before Systems Manager knows it itself. */
async function readInvocation(ssm: SSMClient, command: string, instance: string) {
  try {
    return await ssm.send(new GetCommandInvocationCommand({ CommandId: command, InstanceId: instance }));
  } catch (error) {
    if (error instanceof InvocationDoesNotExist) return null;
    throw error;
  }
}

/**
 * The output of a command that ended, or null while it has not (Systems Manager user guide, "Understanding command statuses").
 *
 * @throws for every other end, in the words of what happened.
 */
function judge(execution: Execution, command: string, invocation: GetCommandInvocationCommandOutput): string | null {
  const { name, argv, timeoutMs } = execution;
  const details = invocation.StatusDetails?.replaceAll(' ', '') ?? '';
  const what = `"${briefly(argv)}" (${command})`;
  switch (invocation.Status) {
    case 'Pending':
    case 'InProgress':
    case 'Delayed':
    case 'Cancelling':
      return null;
    case 'Success':
      return invocation.StandardOutputContent?.trim() ?? '';
    case 'Cancelled':
      throw new Error(`${name}: ${what} was cancelled in Systems Manager; whether it had an effect is unknown`);
    case 'TimedOut':
      if (details === 'DeliveryTimedOut') {
        throw new HostUnreachableError(`${name} did not accept ${what} within ${deliverySeconds} s; nothing was run`);
      }
      throw new Error(`${name}: ${what} did not end within ${timeoutMs} ms`);
    default: {
      const said = reasonIn(invocation.StandardErrorContent ?? '');
      if (['Undeliverable', 'Terminated', 'DeliveryTimedOut'].includes(details)) {
        throw new HostUnreachableError(`${name} did not accept ${what}: ${details}`);
      }
      throw new Error(`${name}: ${what} failed (${details || invocation.Status}): ${said}`);
    }
  }
}
