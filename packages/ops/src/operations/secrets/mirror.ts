import type { Cluster, Region } from '@pgha/infra/cluster';
import { parameterNames, type SecretStore } from '../../secrets/index.ts';

/**
 * The names whose values differ from those of one region, or that another one lacks: a region that is down through a rotation, or a
 * value that was put there by hand.
 */
export async function differingNames(
  cluster: Cluster,
  from: SecretStore,
  others: readonly SecretStore[],
): Promise<readonly string[]> {
  const names = parameterNames(cluster);
  const values = await from.read(names);
  const answers = await Promise.all(others.map((store) => store.read(names)));
  return [...values]
    .filter(([name, value]) => answers.some((answer) => answer.get(name) !== value))
    .map(([name]) => name);
}

/** Gives these names the values of one region everywhere. */
export async function copyNames(
  from: SecretStore,
  others: readonly SecretStore[],
  names: readonly string[],
): Promise<void> {
  const values = await from.read(names);
  for (const [name, value] of values) for (const store of others) await store.replace(name, value);
}

/** The region of that name, and the others. */
export function splitRegions(
  regions: readonly Region[],
  awsRegion: string,
): { from: Region | null; others: readonly Region[] } {
  const from = regions.find((region) => region.awsRegion === awsRegion) ?? null;
  return { from, others: regions.filter((region) => region !== from) };
}
