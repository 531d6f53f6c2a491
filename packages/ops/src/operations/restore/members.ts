import { nodesOf, type Region } from '@pgha/infra/cluster';
import { type Etcd, etcdOn } from '../../clients/etcd.ts';
import type { ListedMember } from '../../clients/patronictl.ts';
import { type MemberRestore, type MemberState, memberRestore } from '../../clients/restore-in-place.ts';
import { type Host, HostUnreachableError } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import { memberHosts } from '../regions.ts';

/** One region's machines as the steps use them. */
export interface Members {
  region: Region;
  hosts: ReadonlyMap<string, Host>;
  restores: ReadonlyMap<string, MemberRestore>;
  etcd: Etcd;
}

/** A terabyte from S3 at a slow disk's pace. */
export const restoreTimeoutMs = 24 * 3_600_000;

/** The members of a region with what can be done to them. */
export function membersIn(installation: Installation, region: Region): Members {
  const hosts = memberHosts(installation, region);
  return {
    region,
    hosts,
    restores: new Map([...hosts].map(([name, host]) => [name, memberRestore(host)])),
    etcd: etcdOn(nodesOf(region, 'etcd').map((node) => installation.host(node))),
  };
}

/** @throws HostUnreachableError when the region has no such member. */
export function hostNamed({ hosts }: Members, name: string): Host {
  const host = hosts.get(name);
  if (host === undefined) throw new HostUnreachableError(`unknown member "${name}"`);
  return host;
}

/** @throws HostUnreachableError when the region has no such member. */
export function restoreNamed({ restores }: Members, name: string): MemberRestore {
  const restore = restores.get(name);
  if (restore === undefined) throw new HostUnreachableError(`unknown member "${name}"`);
  return restore;
}

/** Nothing of the database runs, and nothing is about to start it. */
export const isDown = ({ patroni, isPostgresUp }: MemberState) =>
  ['inactive', 'failed'].includes(patroni) && !isPostgresUp;

/** Patroni runs, or systemd is about to start it. */
export const isUp = ({ patroni }: MemberState) => ['active', 'activating', 'reloading'].includes(patroni);

/** The data of before this restore stands aside: what is in its place is the restore's own. */
export const isAside = ({ kept }: MemberState, id: string) => kept.some((each) => each.id === id);

/** Patroni was told to make the new cluster here. */
export const isBegun = ({ gate }: MemberState) => gate !== null && gate.phase !== 'held';

/** Nothing of a restore holds this member any more. */
export const isFree = ({ gate, hasMethod }: MemberState) => gate === null && !hasMethod;

export const leads = ({ name, isLeader, isWell }: ListedMember, wanted: string) =>
  name === wanted && isLeader && isWell;

/** All of them there, following one of them. */
export function areFollowing(members: readonly ListedMember[], names: readonly string[]): boolean {
  const well = members.filter(({ name, isWell }) => names.includes(name) && isWell);
  return well.length === names.length && well.some(({ isLeader }) => isLeader);
}
