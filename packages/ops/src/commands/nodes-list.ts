import { allNodes, regionOf, regionsOf } from '@pgha/infra/cluster';
import type { Installation } from '../installation/installation.ts';
import { type RegionView, viewRegions } from '../operations/regions.ts';
import { answer, type CommandContext, table } from './command.ts';

/** A machine in a line. */
export interface NodeLine {
  name: string;
  role: string;
  region: string;
  address: string;
  instanceType: string;
  power: string;
  /** A database machine's place in the cluster, in Patroni's words. */
  member: string | null;
}

/** Shows every machine of the configuration; one that is not there is shown as missing. */
export async function listNodes(
  context: CommandContext,
  options: { json?: boolean },
  installation: Installation,
): Promise<void> {
  const { cluster, power } = installation;
  const views = await viewRegions(installation);
  const lines = await Promise.all(
    allNodes(cluster).map(
      async (node): Promise<NodeLine> => ({
        name: node.name,
        role: node.role,
        region: regionOf(cluster, node).awsRegion,
        address: node.address,
        instanceType: node.instanceType,
        power: await power.state(node),
        member: memberState(views, node.name),
      }),
    ),
  );
  // text output only: the JSON is a list of nodes; a region that does not answer is not worth failing for
  const retained = await Promise.all(
    regionsOf(cluster).map(async (region) => (await installation.retainedVolumes?.(region).catch(() => '')) ?? ''),
  );
  answer(context, options, lines, (list) =>
    [
      table(
        ['NODE', 'ROLE', 'REGION', 'ADDRESS', 'TYPE', 'POWER', 'MEMBER'],
        list.map(({ name, role, region, address, instanceType, power: state, member }) => [
          name,
          role,
          region,
          address,
          instanceType,
          state,
          member ?? '-',
        ]),
      ),
      ...retained,
    ].join(''),
  );
}

function memberState(views: readonly RegionView[], name: string): string | null {
  const member = views.flatMap(({ members }) => members ?? []).find((each) => each.name === name);
  return member === undefined ? null : `${member.role}, ${member.state}`;
}
