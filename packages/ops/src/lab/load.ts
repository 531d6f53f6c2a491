import { type Cluster, membersOf, nodesOf, ports, type Region } from '@pgha/infra/cluster';
import type { FinalRead } from '../chaos/history.ts';
import type { WorkloadTargets } from '../chaos/workload.ts';
import { readFinalState as readMembersState } from '../operations/load.ts';
import type { ClusterAccess } from './access.ts';
import type { ControlGroups } from './control-groups.ts';
import { labHost } from './machines.ts';

/** Both services of a lab as a workload dials them, on the API server of a region. */
export function workloadTargets(
  cluster: Cluster,
  { ca, apiKey }: ClusterAccess,
  region: Region = cluster.primary,
): WorkloadTargets {
  const [server] = nodesOf(region, 'api');
  if (server === undefined) throw new Error(`there is no API server in ${region.awsRegion}`);
  const { address, hostname } = server;
  return {
    write: { address, hostname, port: ports.api, ca },
    read: { address, hostname, port: ports.readApi, ca },
    apiKey,
  };
}

/** What every member of the primary region holds of one run. */
export async function readFinalState(
  groups: ControlGroups,
  cluster: Cluster,
  run: string,
): Promise<readonly FinalRead[]> {
  const hosts = membersOf(cluster.primary).map(({ name }) => labHost(groups, name));
  return readMembersState(hosts, cluster.database, run);
}
