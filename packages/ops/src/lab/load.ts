import { type Cluster, membersOf, nodesOf, ports } from '@pgha/infra/cluster';
import type { FinalRead } from '../chaos/history.ts';
import type { WorkloadTargets } from '../chaos/workload.ts';
import { runChecked } from '../hosts/host.ts';
import type { ClusterAccess } from './access.ts';
import type { ControlGroups } from './control-groups.ts';
import { labHost } from './machines.ts';

/** Both services of a lab as a workload dials them. */
export function workloadTargets(cluster: Cluster, { ca, apiKey }: ClusterAccess): WorkloadTargets {
  const [server] = nodesOf(cluster.primary, 'api');
  if (server === undefined) throw new Error('the cluster has no API server');
  const { address, hostname } = server;
  return {
    write: { address, hostname, port: ports.api, ca },
    read: { address, hostname, port: ports.readApi, ca },
    apiKey,
  };
}

/**
 * What every member of a region holds of one run, read on the member itself: neither the router nor a service stands between.
 */
export async function readFinalState(
  groups: ControlGroups,
  cluster: Cluster,
  run: string,
): Promise<readonly FinalRead[]> {
  return Promise.all(
    membersOf(cluster.primary).map(async ({ name }) => {
      const query = `select name from items where name like '${run}-%'`;
      const psql = [
        'psql',
        '--no-psqlrc',
        '--tuples-only',
        '--no-align',
        `--dbname=${cluster.database}`,
        `--command=${query}`,
      ];
      const text = await runChecked(labHost(groups, name), ['runuser', '-u', 'postgres', '--', ...psql]);
      return { member: name, keys: text.split('\n').filter(Boolean) };
    }),
  );
}
