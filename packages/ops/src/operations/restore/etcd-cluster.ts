import type { Cluster } from '@pgha/infra/cluster';
import { patroniPrefix } from '@pgha/infra/machines';
import type { Etcd } from '../../clients/etcd.ts';

/**
 * What Patroni keeps of a cluster, but for the settings that operators made (`config`): a new cluster takes them over. The rest
 * speaks of members, positions and timelines that are gone. `patronictl remove` removes the settings as well.
 */
export async function clusterKeys(etcd: Etcd, { scope }: Cluster): Promise<readonly string[]> {
  const prefix = `${patroniPrefix}${scope}/`;
  return (await etcd.keys(prefix)).filter((key) => key !== `${prefix}config`);
}

export async function forgetCluster(etcd: Etcd, cluster: Cluster): Promise<void> {
  await etcd.removeAll(await clusterKeys(etcd, cluster));
}
