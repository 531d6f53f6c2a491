import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, membersOf, type Region, regionsOf } from '@pgha/infra/cluster';
import { type ListedMember, listMembers } from '../clients/patronictl.ts';
import { RefusedError } from '../exit-codes.ts';
import type { Host } from '../hosts/host.ts';
import type { Installation } from '../installation/installation.ts';
import type { Report } from '../step.ts';
import { waitUntil } from '../wait-until.ts';

/** A region's members as its etcd has them. */
export interface RegionView {
  region: Region;
  /** null: none of its machines could be asked. */
  members: readonly ListedMember[] | null;
  problem: string | null;
}

/** The members' hosts of a region, by name. */
export function memberHosts(installation: Pick<Installation, 'host'>, region: Region): ReadonlyMap<string, Host> {
  return new Map(membersOf(region).map((node) => [node.name, installation.host(node)]));
}

/** A member that has not answered by then may hang: the others are asked too, and the first answer counts. */
const defaultPatienceMs = 5_000;

/**
 * Asks one member about all of them. When that one cannot say it, because it is down, or new and not yet set up, or does not answer
 * soon, the others are asked, all at once: each of them waits for an etcd that does not answer.
 */
export async function viewRegion(
  installation: Pick<Installation, 'host'>,
  region: Region,
  patienceMs = defaultPatienceMs,
): Promise<RegionView> {
  const [first, ...others] = memberHosts(installation, region).values();
  const problems: string[] = [];
  const ask = async (host: Host) => {
    try {
      return await listMembers(host);
    } catch (error) {
      problems.push((error as Error).message);
      throw error;
    }
  };
  try {
    if (first === undefined) return { region, members: [], problem: null };
    return {
      region,
      members: await askFirst(
        patienceMs,
        () => ask(first),
        others.map((host) => () => ask(host)),
      ),
      problem: null,
    };
  } catch {
    return { region, members: null, problem: problems.join('; ') };
  }
}

/** What the first says; from when it fails or its time is up, what any of them says. */
async function askFirst<T>(
  patienceMs: number,
  first: () => Promise<T>,
  others: readonly (() => Promise<T>)[],
): Promise<T> {
  const answer = first();
  const patience = new AbortController();
  const isLate = delay(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined);
  const late = Promise.race([answer.catch(() => undefined), isLate]).then(() => 'late' as const);
  try {
    const soon = await Promise.race([answer.then((value) => ({ value })), late]).catch(() => 'late' as const);
    return soon === 'late' ? await Promise.any([answer, ...others.map((ask) => ask())]) : soon.value;
  } finally {
    patience.abort();
  }
}

/** Both regions, side by side. */
export function viewRegions(installation: Pick<Installation, 'host' | 'cluster'>): Promise<readonly RegionView[]> {
  return Promise.all(regionsOf(installation.cluster).map((region) => viewRegion(installation, region)));
}

/** A member that was copied anew, or one that was rewound, on a small machine. */
const wholeTimeoutMs = 20 * 60_000;

/**
 * Waits until a region has a leader and each of its members is with it.
 *
 * @param leader who has to lead; null: whoever does.
 */
export async function waitUntilWhole(
  installation: Pick<Installation, 'host'>,
  region: Region,
  leader: string | null,
  report: Report,
  signal: AbortSignal,
  timeoutMs = wholeTimeoutMs,
): Promise<void> {
  const wanted = membersOf(region).map(({ name }) => name);
  let said = '';
  await waitUntil(
    async () => {
      const { members, problem } = await viewRegion(installation, region);
      if (members === null) throw new Error(problem ?? 'no member responded');
      const missing = wanted.filter((name) => !members.some((member) => member.name === name && member.isWell));
      const leads = members.find(({ isLeader }) => isLeader)?.name ?? null;
      if (missing.length === 0 && leads !== null && (leader === null || leads === leader)) return true;
      const states = missing.map(
        (name) => `${name} is ${members.find((each) => each.name === name)?.state ?? 'unreachable'}`,
      );
      const seen = states.join(', ') || (leads === null ? 'there is no primary' : `${leads} is the leader`);
      if (seen !== said) report(seen);
      said = seen;
      throw new Error(seen);
    },
    {
      what: `every member of ${region.awsRegion} to replicate from ${leader ?? 'one leader'}`,
      timeoutMs,
      everyMs: 1_000,
      signal,
    },
  );
}

/**
 * The region whose cluster takes writes, or would if it had a primary.
 *
 * @throws RefusedError when it is not known which one that is.
 */
export function actingRegion(cluster: Cluster, views: readonly RegionView[]): RegionView {
  const [first] = views;
  if (cluster.dr === null && first !== undefined) return first;
  const leading = views.filter(({ members }) => members?.some(({ role }) => role === 'leader'));
  if (leading.length > 1) {
    const names = leading.map(({ region }) => region.awsRegion).join(' and ');
    throw new RefusedError(
      `split-brain: ${names} both have a primary. Stop the former primary region at once, then check "pgha dr status"`,
    );
  }
  const standby = views.filter(({ members }) => members?.some(({ role }) => role === 'standby_leader'));
  const [acting] =
    leading.length === 1 ? leading : views.filter((view) => view.members !== null && !standby.includes(view));
  if (acting === undefined) {
    const reasons = views.map(({ region, problem }) => `${region.awsRegion}: ${problem ?? 'a standby'}`).join('; ');
    throw new RefusedError(`no region is active (${reasons}). "pgha dr status" shows what can be done`);
  }
  return acting;
}
