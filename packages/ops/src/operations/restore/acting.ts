import { type Cluster, membersOf, regionsOf } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { RefusedError, UsageError } from '../../exit-codes.ts';
import type { Host } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import { actingRegion, type RegionView, viewRegions } from '../regions.ts';

/** The region that takes writes, and the machines of it that something can be done on. */
export interface Acting {
  view: RegionView;
  /** The machine that leads; null: nobody does. */
  leader: Host | null;
  /** A member that does not lead, or the only one there is. */
  reader: Host;
}

/**
 * Finds out who leads, and who has more to spare.
 *
 * @throws RefusedError when it is not known which region acts, or when none of its members is reachable.
 */
export async function findActing(installation: Installation): Promise<Acting> {
  const view = actingRegion(installation.cluster, await viewRegions(installation));
  const nodes = membersOf(view.region);
  const leaderName = view.members?.find(({ isLeader }) => isLeader)?.name ?? null;
  const leader = nodes.find(({ name }) => name === leaderName) ?? null;
  const others = nodes.filter(({ name }) => name !== leaderName);
  const isWell = (name: string) => view.members?.some((member) => member.name === name && member.isWell) === true;
  const order = [...others.filter(({ name }) => isWell(name)), ...others, ...(leader === null ? [] : [leader])];
  for (const node of order) {
    const host = installation.host(node);
    const answers = await host.run(['true']).then(
      () => true,
      () => false,
    );
    if (answers) return { view, leader: leader === null ? null : installation.host(leader), reader: host };
  }
  throw new RefusedError(`no member of ${view.region.awsRegion} is reachable. Check "pgha status"`);
}

/** @throws RefusedError when there is no leader. */
export function requireLeader({ leader, view }: Acting): Host {
  if (leader === null) throw new RefusedError(`${view.region.awsRegion} has no primary. Check "pgha status"`);
  return leader;
}

/**
 * The repositories a command is about, by their numbers.
 *
 * @throws UsageError when the cluster has no such repository.
 */
export function repositoriesOf(cluster: Cluster, named: string | undefined): readonly number[] {
  const all = regionsOf(cluster).map(repositoryNumber);
  if (named === undefined) return all;
  const found = all.filter((number) => `${number}` === named);
  if (found.length === 0) throw new UsageError(`unknown repository ${named}. Repositories: ${all.join(', ')}`);
  return found;
}
