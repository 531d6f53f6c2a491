import type { Node } from '@pgha/infra/cluster';
import type { ListedMember } from '../../clients/patronictl.ts';
import { type Room, readRoom } from '../../clients/scratch.ts';
import { RefusedError, UsageError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { RegionView } from '../regions.ts';

/**
 * The machine beside whose member something is restored: the first one that does not lead and has room.
 *
 * @param nodes who is asked, in their order.
 * @param bytes what is restored takes.
 * @param named by the operator, who may also name the one that leads.
 * @throws RefusedError with everybody's numbers when nobody has room.
 */
export async function chooseBeside(
  installation: Pick<Installation, 'host'>,
  { members }: RegionView,
  nodes: readonly Node[],
  bytes: number,
  named: string | null,
): Promise<Host> {
  const candidates = named === null ? nodes.filter(({ name }) => !leads(members, name)) : [nodeOf(nodes, named)];
  const reasons: string[] = [];
  for (const node of candidates) {
    const host = installation.host(node);
    try {
      const room = await readRoom(host);
      if (bytes <= room.usableBytes) return host;
      reasons.push(`${node.name} ${describe(room)}`);
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new RefusedError(
    `not enough free disk space to restore the backup (${mib(bytes)}): ${reasons.join('; ') || 'there is no replica'}. ` +
      'Enlarge a replica\'s data volume, drop retained data ("pgha restore list"), or choose a node with --on',
  );
}

function nodeOf(nodes: readonly Node[], name: string): Node {
  const node = nodes.find((each) => each.name === name);
  if (node === undefined) {
    throw new UsageError(`unknown member "${name}". Members: ${nodes.map((each) => each.name).join(', ')}`);
  }
  return node;
}

const leads = (members: RegionView['members'], name: string) =>
  members?.some((member: ListedMember) => member.name === name && member.isLeader) === true;

/** What a volume has, and why that is not enough. */
const describe = ({ freeBytes, usableBytes, sizeBytes }: Room) =>
  `has ${mib(freeBytes)} free of ${mib(sizeBytes)}, of which ${mib(usableBytes)} may be used`;

const mib = (bytes: number) => `${Math.ceil(bytes / 1024 ** 2)} MiB`;
