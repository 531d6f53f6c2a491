import type { Node } from '@pgha/infra/cluster';
import { programBundle } from '@pgha/infra/machines';
import type { Step } from '../../step.ts';
import { withRegion } from './aws-access.ts';
import type { Session } from './session.ts';
import { accessOf, applyStack, uploadPrograms } from './steps.ts';
import type { Scope } from './target.ts';

/** The instance that is replaced. */
export interface OldInstance {
  state(): Promise<'running' | 'off' | 'missing'>;
  responds(): Promise<boolean>;
  /** Stops it without a shutdown, and returns when it is off. */
  cut(): Promise<void>;
}

/**
 * The steps that put a new instance in the place of one: with the configuration's image, instance type and user-data, the old
 * one's name, address and data volume.
 *
 * @param open the session; asked for when a step runs.
 * @param isThere whether the new instance is there already, so that a command that was interrupted does not make another one.
 */
export function planNewInstance(
  { cluster, region, target }: Scope,
  node: Node,
  open: () => Session,
  isThere: () => Promise<boolean>,
  old: OldInstance,
): readonly Step[] {
  return [
    {
      title: 'Publish the programs of the new node',
      run: () =>
        withRegion(cluster, region, accessOf(open()), (services) => uploadPrograms(services, programBundle(cluster))),
    },
    {
      // Terraform asks it to shut down, which one that died never does
      title: `Force-stop ${node.name} if it does not respond`,
      isNeeded: async () => !(await isThere()) && (await old.state()) === 'running' && !(await old.responds()),
      run: () => old.cut(),
    },
    {
      title: `Replace the EC2 instance of ${node.name}`,
      isNeeded: async () => !(await isThere()),
      run: (report) =>
        applyStack(open(), target, { allowed: goesWith(node), replaced: [instanceAddress(node)] }, report),
    },
  ];
}

/** The steps that make an instance, and its data volume before it, which the configuration has and AWS has not. */
export function planAddedInstance(
  { cluster, region, target }: Scope,
  node: Node,
  open: () => Session,
): readonly Step[] {
  return [
    {
      title: 'Publish the programs of the new node',
      run: () =>
        withRegion(cluster, region, accessOf(open()), (services) => uploadPrograms(services, programBundle(cluster))),
    },
    ...[`${target}-data`, target].map(
      (stack): Step => ({
        title: `Add ${node.name} to the stack ${stack}`,
        run: (report) => applyStack(open(), stack, { allowed: [] }, report),
      }),
    ),
  ];
}

/** The steps that remove an instance. Its data volume is let go of: it stays, and no later plan has anything to do with it. */
export function planRemovedInstance({ target }: Scope, node: Node, open: () => Session): readonly Step[] {
  return [
    {
      title: `Remove ${node.name} from the stack ${target}`,
      run: (report) => applyStack(open(), target, { allowed: goesWith(node) }, report),
    },
    ...(node.role === 'postgres' || node.role === 'standby'
      ? [
          {
            title: `Retain the data volume of ${node.name}`,
            run: (report: (line: string) => void) => applyStack(open(), `${target}-data`, { allowed: [] }, report),
          },
        ]
      : []),
  ];
}

const instanceAddress = (node: Node) => `aws_instance.machines_${node.name}`;

/** What is tied to an instance and follows it, whatever `count` or `for_each` made of it. */
export const goesWith = (node: Node): readonly string[] => [
  instanceAddress(node),
  `aws_volume_attachment.machines_${node.name}-data`,
];
