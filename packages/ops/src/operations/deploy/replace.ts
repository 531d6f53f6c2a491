import { membersOf, type Node } from '@pgha/infra/cluster';
import { programBundle } from '@pgha/infra/machines';
import { RefusedError } from '../../exit-codes.ts';
import { createSsmHost } from '../../hosts/ssm.ts';
import type { Step } from '../../step.ts';
import { withRegion } from './aws-access.ts';
import { type Member, readMembers, waitForCluster, waitForMachines } from './readiness.ts';
import type { Session } from './session.ts';
import { accessOf, applyStack, uploadPrograms } from './steps.ts';
import type { Scope } from './target.ts';

/**
 * The steps that put a new machine in the place of one: with the configuration's image, instance type and user-data, the old
 * one's name, address and data volume. The cluster has to be whole before, and is again after.
 *
 * @param open the session; asked for when a step runs.
 * @throws RefusedError for an etcd member: its data is on its root volume, and an empty member with the name of one that was
 *   there would vote twice.
 */
export function planReplacement({ cluster, region, target }: Scope, node: Node, open: () => Session): readonly Step[] {
  if (node.role === 'etcd') {
    throw new RefusedError(
      `${node.name} is an etcd member: its data goes with the machine, and the others would refuse the empty one. ` +
        'Repair it where it stands; docs/runbook-setup.md says how to change its instance type',
    );
  }
  const onMachines = <T>(work: (hostOf: (node: Node) => ReturnType<typeof createSsmHost>) => Promise<T>) =>
    withRegion(cluster, region, accessOf(open()), (services) => work((each) => createSsmHost(cluster, each, services)));
  const whole: Step = {
    title: `Every member of ${region.awsRegion} is with its leader`,
    run: (report) => onMachines((hostOf) => waitForCluster(cluster, region, hostOf, report, open().signal)),
  };
  const isMember = membersOf(region).some(({ name }) => name === node.name);
  return [
    whole,
    ...(isMember
      ? [
          {
            title: `${node.name} does not lead`,
            run: (report: (line: string) => void) =>
              onMachines(async (hostOf) => {
                const members = await readMembers(hostOf(node), node);
                refuseLeader(node, members);
                report(members.find(({ name }) => name === node.name)?.role ?? 'not a member');
              }),
          },
        ]
      : []),
    {
      title: 'Programs of the new machine',
      run: () => withRegion(cluster, region, accessOf(open()), (services) => uploadPrograms(services, programBundle())),
    },
    {
      title: `A new machine in the place of ${node.name}`,
      run: (report) =>
        applyStack(open(), target, { allowed: goesWith(node), replaced: [instanceAddress(node)] }, report),
    },
    {
      title: `First boot of ${node.name}`,
      run: (report) => onMachines((hostOf) => waitForMachines([node], hostOf, report, open().signal)),
    },
    whole,
  ];
}

/**
 * @throws RefusedError when the machine is the primary; a standby region's only member may go, because nobody writes there.
 */
export function refuseLeader(node: Node, members: readonly Member[]): void {
  const own = members.find(({ name }) => name === node.name);
  if (own?.role !== 'leader') return;
  const others = members.filter(({ name }) => name !== node.name).map(({ name }) => name);
  throw new RefusedError(
    `${node.name} is the primary. Hand over first: "pgha switchover" to ${others.join(' or ') || 'another member'}`,
  );
}

const instanceAddress = (node: Node) => `aws_instance.machines_${node.name}`;

/** What is tied to an instance and follows it. */
const goesWith = (node: Node) => [instanceAddress(node), `aws_volume_attachment.machines_${node.name}-data[0]`];
