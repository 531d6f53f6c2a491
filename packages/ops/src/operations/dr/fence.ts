import { type Cluster, membersOf, type Node, type Region } from '@pgha/infra/cluster';
import type { Site } from '@pgha/infra/machines';
import type { Installation } from '../../installation/installation.ts';
import type { Report } from '../../step.ts';
import { admitRegion, denyRegion, isDenied, readBucketPolicy } from './bucket-policy.ts';
import { within } from './deadline.ts';
import { otherRegion } from './view.ts';

/** Whether a region can still take writes, as far as it is known. */
export interface Fence {
  /** Members whose machines are off for certain. */
  off: readonly string[];
  /** Members of which that is not certain, and why. */
  uncertain: readonly { name: string; why: string }[];
  /** Whether the other region's bucket takes nothing from this one's machines. */
  isShutOut: boolean;
  /** Whether its own bucket does, which is not needed; null: its storage does not answer. */
  isShutOutAtHome: boolean | null;
  /** What kept the denial from being put there. */
  problem: string | null;
  at: string;
}

export const isComplete = ({ uncertain, isShutOut }: Fence): boolean => uncertain.length === 0 && isShutOut;

/** Whether there is something left that a fence could do. */
export const isUnfinished = (fence: Fence): boolean => !isComplete(fence) || fence.isShutOutAtHome === false;

/** In a sentence, what is not certain of a fence. */
export function describeGaps({ uncertain, isShutOut, problem }: Fence): string {
  const machines = uncertain.map(({ name, why }) => `${name} may still be running: ${why}`);
  const bucket = isShutOut
    ? []
    : [`the backup bucket of the other region still accepts its WAL: ${problem ?? 'access is not denied'}`];
  return [...machines, ...bucket].join('; ');
}

/** EC2 takes a minute for a forced stop; what takes longer is not certain. */
const cutTimeoutMs = 120_000;
const stateTimeoutMs = 15_000;

type Ways = Pick<Installation, 'cluster' | 'power' | 's3' | 'site'>;

/** What a bucket's policy says; value null: its storage does not answer. */
interface Denial {
  value: boolean | null;
  problem: string | null;
}

/** Looks whether a region is fenced; changes nothing. */
export function readFence(ways: Ways, region: Region): Promise<Fence> {
  return observeFence(ways, region, (where) =>
    orProblem(async () => isDenied(await readBucketPolicy(ways.s3(where), bucketIn(ways, where)), region)),
  );
}

/**
 * Cuts the power of every member of a region and shuts its machines out of the repositories, all at once: of the other region's
 * for certain, of its own when its storage answers. A storage that is silent is asked once: whoever waits for the promotion waits
 * for that.
 */
export async function fenceRegion(ways: Ways, region: Region, report: Report): Promise<Fence> {
  const buckets = [otherRegion(ways.cluster, region), region];
  const denials = new Map(buckets.map((where) => [where.kind, deny(ways, where, region)] as const));
  const cuts = membersOf(region).map(async (node) => {
    const cut = within(ways.power.cut(node), cutTimeoutMs, `${node.name} was not stopped`);
    await cut.catch((error: Error) => report(`${node.name}: ${error.message}`));
  });
  await Promise.all(cuts);
  for (const { kind, awsRegion } of buckets) {
    const problem = (await denials.get(kind))?.problem ?? null;
    if (problem !== null) report(`backup bucket in ${awsRegion}: ${problem}`);
  }
  return observeFence(ways, region, async ({ kind }) => (await denials.get(kind)) ?? { value: null, problem: null });
}

async function observeFence(ways: Ways, region: Region, denialIn: (where: Region) => Promise<Denial>): Promise<Fence> {
  const [members, denial, atHome] = await Promise.all([
    Promise.all(membersOf(region).map((node) => stateOf(ways, node))),
    denialIn(otherRegion(ways.cluster, region)),
    denialIn(region),
  ]);
  return {
    off: members.flatMap(({ name, why }) => (why === null ? [name] : [])),
    uncertain: members.flatMap(({ name, why }) => (why === null ? [] : [{ name, why }])),
    isShutOut: denial.value === true,
    isShutOutAtHome: atHome.value,
    problem: denial.problem,
    at: new Date().toISOString(),
  };
}

function deny(ways: Ways, where: Region, region: Region): Promise<Denial> {
  return orProblem(async () => {
    await denyRegion(ways.s3(where), bucketIn(ways, where), ways.cluster, region);
    return true;
  });
}

/** Whether a region's machines are kept from writing to either repository. */
export async function isShutOutAnywhere(ways: Ways, region: Region): Promise<boolean> {
  const regions = [region, otherRegion(ways.cluster, region)];
  const denials = await Promise.all(
    regions.map(async (where) => isDenied(await readBucketPolicy(ways.s3(where), bucketIn(ways, where)), region)),
  );
  return denials.includes(true);
}

/** Lets a region's machines write to both repositories again. */
export async function admitEverywhere(ways: Ways, region: Region): Promise<void> {
  for (const where of [region, otherRegion(ways.cluster, region)]) {
    await admitRegion(ways.s3(where), bucketIn(ways, where), region);
  }
}

/** The backup bucket of a region. */
function bucketIn({ cluster, site }: { cluster: Cluster; site(region: Region): Site }, region: Region): string {
  const { backupBuckets } = site(region);
  const bucket = region.kind === 'primary' ? backupBuckets.primary : backupBuckets.dr;
  if (bucket === null) throw new Error(`${cluster.project} has no backup bucket in ${region.awsRegion}`);
  return bucket;
}

async function stateOf({ power }: Ways, node: Node): Promise<{ name: string; why: string | null }> {
  const asked = () => within(power.state(node), stateTimeoutMs, `EC2 did not report the state of ${node.name}`);
  const { value, problem } = await orProblem(asked);
  if (value === null) return { name: node.name, why: problem };
  return { name: node.name, why: value === 'running' ? 'it is running' : null };
}

async function orProblem<T>(work: () => Promise<T>): Promise<{ value: T | null; problem: string | null }> {
  try {
    return { value: await work(), problem: null };
  } catch (error) {
    return { value: null, problem: (error as Error).message };
  }
}
