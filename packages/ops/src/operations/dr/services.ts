import { nodesOf, type Region, regionsOf } from '@pgha/infra/cluster';
import { pointServices } from '../../clients/region.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';

/** An API server after it was told which region acts. */
export interface PointedServer {
  server: string;
  /** null: it could not be told. */
  readyAfterSeconds: number | null;
  problem: string | null;
}

type Ways = Pick<Installation, 'cluster' | 'host'>;

/**
 * Points the API servers of both regions to a region, without waiting for them to find its primary: that may come later. One that
 * is unreachable is left: it may stand in the region that is down.
 */
export async function turnServices(ways: Ways, region: Region): Promise<void> {
  await Promise.allSettled(
    serversOf(ways).map((node) => pointServices(ways.host(node), region.awsRegion, { reconnect: false, wait: false })),
  );
}

/**
 * Points the API servers of both regions to a region, and waits until they are ready. One that is unreachable is told of and
 * left; it finds its way when it is pointed later.
 *
 * @param reconnect whether the region they leave may still have a server that takes their writes.
 * @param tell gets what became of each.
 */
export function pointAllServices(
  ways: Ways,
  region: Region,
  reconnect: () => boolean,
  tell: (servers: readonly PointedServer[]) => void,
): Step {
  const servers = serversOf(ways);
  return {
    title: `Point the API servers at ${region.awsRegion}: ${servers.map(({ name }) => name).join(', ') || 'none'}`,
    run: async (report) => {
      const pointed = await Promise.all(
        servers.map(async (node): Promise<PointedServer> => {
          try {
            const terms = { reconnect: reconnect(), wait: true };
            const { readyAfterSeconds } = await pointServices(ways.host(node), region.awsRegion, terms);
            const problem = readyAfterSeconds === null ? 'it received the configuration but is not ready' : null;
            return { server: node.name, readyAfterSeconds, problem };
          } catch (error) {
            return { server: node.name, readyAfterSeconds: null, problem: (error as Error).message };
          }
        }),
      );
      tell(pointed);
      const left = pointed.flatMap(({ server, problem }) => (problem === null ? [] : [`${server}: ${problem}`]));
      if (left.length > 0) report(left.join('; '));
    },
  };
}

const serversOf = ({ cluster }: Ways) => regionsOf(cluster).flatMap((region) => nodesOf(region, 'api'));
