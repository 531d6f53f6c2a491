import { membersOf, ports, type Region, regionsOf } from '@pgha/infra/cluster';
import { observe } from '../clients/observation.ts';
import type { ListedMember } from '../clients/patronictl.ts';
import { RefusedError } from '../exit-codes.ts';
import type { Installation } from '../installation/installation.ts';
import { acceptsWrites, isFailsafe } from './status/own-words.ts';

/** A member that accepts writes, in its own words: whatever etcd has, it is the primary. */
export interface Writer {
  name: string;
  region: Region;
  /** It stays the primary without etcd: Patroni's failsafe mode. */
  isFailsafe: boolean;
}

type Listed = readonly Pick<ListedMember, 'name' | 'isLeader'>[];

/** Asks every member of these regions whether it accepts writes; who does not answer is not among them. */
export async function findWriters(
  { host }: Pick<Installation, 'host'>,
  regions: readonly Region[],
): Promise<readonly Writer[]> {
  const asked = regions.flatMap((region) =>
    membersOf(region).map(async (node): Promise<readonly Writer[]> => {
      const seen = await observe(host(node)).catch(() => null);
      return acceptsWrites(seen) === true ? [{ name: node.name, region, isFailsafe: isFailsafe(seen) }] : [];
    }),
  );
  return (await Promise.all(asked)).flat();
}

/**
 * Nothing is promoted, rebuilt or restarted while a member accepts writes that etcd does not name as the leader: what it
 * acknowledges would be lost, or a second member would accept writes too.
 *
 * @param views the members of each region as its etcd has them; null: etcd cannot be read.
 * @throws RefusedError with the name of that member and the way out.
 */
export function refuseHiddenPrimary(
  views: readonly { region: Region; members: Listed | null }[],
  writers: readonly Writer[],
): void {
  for (const writer of writers) {
    const listed = views.find(({ region }) => region.kind === writer.region.kind)?.members ?? null;
    if (listed?.some(({ name, isLeader }) => name === writer.name && isLeader) === true) continue;
    throw new RefusedError(describeHiddenPrimary(writer, listed));
  }
}

/** What it is, why nothing is done, and the way out. */
function describeHiddenPrimary({ name, region, isFailsafe: failsafe }: Writer, listed: Listed | null): string {
  const leader = listed?.find(({ isLeader }) => isLeader)?.name ?? null;
  const etcd =
    listed === null
      ? `etcd of ${region.awsRegion} cannot be read`
      : leader === null
        ? `etcd of ${region.awsRegion} has no leader`
        : `etcd of ${region.awsRegion} names ${leader} as the leader`;
  return (
    `${name} accepts writes${failsafe ? ' (failsafe mode)' : ''} although ${etcd}: commits that it acknowledges would be lost. ` +
    `Restore its connection to etcd (port ${ports.etcdClient}); "pgha status" shows what is missing. ` +
    `To abandon ${name} instead, stop it first: systemctl stop patroni on ${name}`
  );
}

/** Every member of the cluster that accepts writes. */
export const findAllWriters = (installation: Pick<Installation, 'host' | 'cluster'>) =>
  findWriters(installation, regionsOf(installation.cluster));
