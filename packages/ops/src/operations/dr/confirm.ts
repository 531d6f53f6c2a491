import { membersOf, type Region } from '@pgha/infra/cluster';
import { confirmRegion } from '../../clients/region.ts';
import { RefusedError } from '../../exit-codes.ts';
import type { Installation } from '../../installation/installation.ts';

/**
 * An operator's word to every member that is reachable; one that boots later needs it again.
 *
 * @throws RefusedError when nobody took it.
 */
export async function confirmMembers(
  installation: Installation,
  region: Region,
): Promise<{ region: string; members: readonly string[] }> {
  const results = await Promise.all(
    membersOf(region).map(async (node) => {
      try {
        await confirmRegion(installation.host(node));
        return { name: node.name, problem: null };
      } catch (error) {
        return { name: node.name, problem: (error as Error).message };
      }
    }),
  );
  const members = results.flatMap(({ name, problem }) => (problem === null ? [name] : []));
  if (members.length === 0) throw new RefusedError(results.map(({ problem }) => problem).join('; '));
  return { region: region.awsRegion, members };
}
