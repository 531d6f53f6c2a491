import { type Cluster, membersOf, type Node, type Region, regionsOf } from '@pgha/infra/cluster';
import { repositoryNumber } from '@pgha/infra/machines';
import { type Observation, observe } from '../../clients/observation.ts';
import { type Repository, readRepository } from '../../clients/pgbackrest.ts';
import type { Installation } from '../../installation/installation.ts';
import { acceptsWrites } from './own-words.ts';

/** Everything that was seen of a cluster at one moment; what did not answer has a reason instead. */
export interface ClusterObservation {
  at: Date;
  cluster: Cluster;
  machines: readonly MachineObservation[];
  /** As many as there are regions. */
  repositories: readonly RepositoryObservation[];
}

export interface MachineObservation {
  node: Node;
  region: Region;
  /** null: it could not be entered, or did not answer. */
  seen: Observation | null;
  problem: string | null;
}

interface RepositoryObservation {
  region: Region;
  key: number;
  seen: Repository | null;
  problem: string | null;
}

/** Asks every machine about itself, and a database machine about the repositories; all at once, because some may not answer. */
export async function observeCluster(installation: Installation): Promise<ClusterObservation> {
  const { cluster } = installation;
  const machines = await Promise.all(
    regionsOf(cluster).flatMap((region) =>
      region.nodes.map(
        async (node): Promise<MachineObservation> => ({
          node,
          region,
          ...(await orReason(() => observe(installation.host(node)))),
        }),
      ),
    ),
  );
  await askWritersAgain(installation, machines);
  const reader = machines.find(({ node, seen }) => isMember(cluster, node) && seen !== null)?.node ?? null;
  const repositories = await Promise.all(
    regionsOf(cluster).map(async (region): Promise<RepositoryObservation> => {
      const key = repositoryNumber(region);
      const read = async () => {
        if (reader === null) throw new Error('no database node is reachable');
        return readRepository(installation.host(reader), cluster.scope, key);
      };
      return { region, key, ...(await orReason(read)) };
    }),
  );
  return { at: new Date(), cluster, machines, repositories };
}

/** In a switchover one member answers before it and another one behind it: who is seen to accept writes twice does. */
async function askWritersAgain({ host }: Installation, machines: MachineObservation[]): Promise<void> {
  const writing = machines.filter(({ seen }) => acceptsWrites(seen) === true);
  if (writing.length < 2) return;
  await Promise.all(
    writing.map(async (machine) => {
      const again = await orReason(() => observe(host(machine.node)));
      machines.splice(machines.indexOf(machine), 1, { ...machine, ...again });
    }),
  );
}

async function orReason<T>(work: () => Promise<T>): Promise<{ seen: T | null; problem: string | null }> {
  try {
    return { seen: await work(), problem: null };
  } catch (error) {
    return { seen: null, problem: (error as Error).message };
  }
}

const isMember = (cluster: Cluster, { name }: Node) =>
  regionsOf(cluster).some((region) => membersOf(region).some((member) => member.name === name));

/** Machines of one role that could be asked. */
export function answering({ machines }: ClusterObservation, region: Region, roles: readonly Node['role'][]) {
  return machines.filter(
    ({ node, region: own, seen }) => own.kind === region.kind && roles.includes(node.role) && seen !== null,
  );
}
