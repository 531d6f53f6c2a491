import { stripVTControlCharacters } from 'node:util';
import { DescribeInstancesCommand, type EC2Client, GetConsoleOutputCommand } from '@aws-sdk/client-ec2';
import { type Cluster, machineResourceName, type Node } from '@pgha/infra/cluster';

/** What pgha's own programs and cloud-init write, wherever the console puts a time or a number before it. */
const ours = /\b(pgha-machine|pgha-bootstrap|cloud-init)(\[\d+\])?: *(.*\S)/;

/**
 * The last lines of a console that say how far the first boot is: those of pgha's programs, else of cloud-init, else whatever
 * stands last (a kernel that does not find its disk).
 */
export function lastWords(console: string, count = 3): string | null {
  // colours, and what moves a cursor
  const lines = stripVTControlCharacters(console)
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const said = lines.flatMap((line) => {
    const [, program, , words] = ours.exec(line) ?? [];
    return program === undefined || words === undefined ? [] : [{ program, words }];
  });
  const own = said.filter(({ program }) => program !== 'cloud-init');
  const chosen = (own.length > 0 ? own : said).map(({ program, words }) => `${program}: ${words}`);
  const last = (chosen.length > 0 ? chosen : lines).slice(-count);
  return last.length === 0 ? null : last.join(' | ');
}

/** Reads the console of a node's running instance as it is now; instances on Nitro have that. */
export async function readConsole(ec2: EC2Client, cluster: Cluster, node: Node): Promise<string | null> {
  const filters = [
    { Name: 'tag:Name', Values: [machineResourceName(cluster, node)] },
    { Name: 'instance-state-name', Values: ['running'] },
  ];
  const { Reservations: reservations = [] } = await ec2.send(new DescribeInstancesCommand({ Filters: filters }));
  const id = reservations.flatMap(({ Instances: instances = [] }) => instances)[0]?.InstanceId;
  if (id === undefined) return null;
  const { Output: output = '' } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: id, Latest: true }));
  return lastWords(Buffer.from(output, 'base64').toString('utf8'));
}
