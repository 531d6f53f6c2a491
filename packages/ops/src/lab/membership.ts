import { rm } from 'node:fs/promises';
import { membersOf, type Node, type Region } from '@pgha/infra/cluster';
import type { Step } from '../step.ts';
import { destroyGroup, findControlGroups } from './control-groups.ts';
import { loadBalancerName, startLoadBalancer } from './load-balancer.ts';
import { cutPower, unmountMachine } from './machines.ts';
import { planNewLabMachine } from './new-machine.ts';
import { machinePlaces, type Places } from './places.ts';

/** The steps that add a machine to the lab, and to the load balancer's targets when it is one. */
export function planLabAddition(
  places: Places,
  region: Region,
  node: Node,
  isThere: () => Promise<boolean>,
): readonly Step[] {
  return [...planNewLabMachine(places, node, isThere), ...planTargets(places, region, node)];
}

/** The steps that take a machine out of the lab, with its disk. */
export function planLabRemoval(places: Places, region: Region, node: Node): readonly Step[] {
  return [
    ...planTargets(places, region, node),
    {
      title: `Remove ${node.name} from the lab`,
      run: async () => {
        await cutPower({ groups: await findControlGroups() }, node.name);
        await unmountMachine(places, node.name);
        await rm(machinePlaces(places, node.name).folder, { recursive: true, force: true });
      },
    },
  ];
}

/** AWS registers targets without a word; the stand-in starts anew, which cuts what goes through it. */
function planTargets(places: Places, region: Region, node: Node): readonly Step[] {
  if (node.role !== 'postgres' && node.role !== 'standby') return [];
  return [
    {
      title: `Update the targets of the load balancer: ${membersOf(region)
        .map(({ name }) => name)
        .join(', ')}`,
      run: async () => {
        const groups = await findControlGroups();
        await destroyGroup(groups, loadBalancerName(region));
        await startLoadBalancer(places, groups, region);
      },
    },
  ];
}
