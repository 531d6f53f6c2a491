import type { Cluster, Node, Region, Role } from './cluster.ts';

/** The regions that exist, the primary one first. */
export function regionsOf(cluster: Cluster): readonly Region[] {
  return cluster.dr === null ? [cluster.primary] : [cluster.primary, cluster.dr];
}

/** Every machine of both regions. */
export function allNodes(cluster: Cluster): readonly Node[] {
  return regionsOf(cluster).flatMap((region) => region.nodes);
}

/** The machines of one role in a region, in their order. */
export function nodesOf(region: Region, role: Role): readonly Node[] {
  return region.nodes.filter((node) => node.role === role);
}

/** The Patroni members of a region: `postgres` machines in the primary one, `standby` machines in the second. */
export function membersOf(region: Region): readonly Node[] {
  return nodesOf(region, region.kind === 'primary' ? 'postgres' : 'standby');
}

/**
 * The region a machine stands in.
 *
 * @throws when the node is not one of the cluster's.
 */
export function regionOf(cluster: Cluster, node: Node): Region {
  const region = regionsOf(cluster).find((candidate) => candidate.nodes.some(({ name }) => name === node.name));
  if (region === undefined) {
    throw new Error(`unknown node "${node.name}". Nodes of this cluster: ${namesOf(cluster)}`);
  }
  return region;
}

/**
 * A machine by its name.
 *
 * @throws when there is none; the message lists the names there are.
 */
export function nodeNamed(cluster: Cluster, name: string): Node {
  const node = allNodes(cluster).find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`unknown node "${name}". Nodes of this cluster: ${namesOf(cluster)}`);
  return node;
}

/** The other region's value, or null when there is only one. */
export function peerOf(cluster: Cluster, region: Region): Region | null {
  return region.kind === 'primary' ? cluster.dr : cluster.primary;
}

const namesOf = (cluster: Cluster) =>
  allNodes(cluster)
    .map(({ name }) => name)
    .join(', ');
