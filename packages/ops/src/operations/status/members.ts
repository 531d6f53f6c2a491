import { membersOf, type Region } from '@pgha/infra/cluster';
import { type RawMember, toldOf } from '../../clients/observation.ts';
import type { ClusterObservation } from './observe.ts';
import { acceptsWrites, isFailsafe } from './own-words.ts';

/** A member as `pgha status` tells it: its own words first, then what etcd has of it. */
export interface SeenMember extends RawMember {
  /** It accepts writes without etcd: Patroni's failsafe mode. */
  isFailsafe?: boolean;
}

/** The members of a region as the first of them that can read etcd has them; null: none can. */
export function membersListed({ machines }: ClusterObservation, region: Region): readonly RawMember[] | null {
  for (const { seen, region: own } of machines) {
    if (own.kind !== region.kind) continue;
    const listed = toldOf(toldOf(seen?.patroni)?.cluster);
    if (listed !== null) return listed.members;
  }
  return null;
}

/** The members of a region that accept writes, in their own words. */
export function writersOf({ machines }: ClusterObservation, region: Region): readonly string[] {
  const names = membersOf(region).map(({ name }) => name);
  return machines
    .filter(({ node, seen }) => names.includes(node.name) && acceptsWrites(seen) === true)
    .map(({ node }) => node.name);
}

/**
 * The members of a region: whoever accepts writes is the leader, whatever etcd has; whoever says that it does not is none. null:
 * nobody can be asked.
 */
export function membersSeen(seen: ClusterObservation, region: Region): readonly SeenMember[] | null {
  const listed = membersListed(seen, region);
  const members = membersOf(region).flatMap(({ name }): readonly SeenMember[] => {
    const there = listed?.find((each) => each.name === name);
    const machine = seen.machines.find(({ node }) => node.name === name)?.seen ?? null;
    const self = toldOf(machine?.patroni)?.patroni;
    const writes = acceptsWrites(machine);
    if (writes === true) {
      const timeline = self?.timeline ?? there?.timeline;
      return [
        {
          name,
          role: 'leader',
          state: self?.state ?? 'running',
          ...(timeline === undefined ? {} : { timeline }),
          ...(isFailsafe(machine) ? { isFailsafe: true } : {}),
        },
      ];
    }
    if (there !== undefined)
      return [writes === false && there.role === 'leader' ? { ...there, role: 'replica' } : there];
    // without etcd each of them is known by its own words alone
    if (listed === null && self !== undefined) {
      const timeline = self.timeline;
      const state = self.replication_state ?? self.state;
      return [{ name, role: self.role, state, ...(timeline === undefined ? {} : { timeline }) }];
    }
    return [];
  });
  return listed === null && members.length === 0 ? null : members;
}
