import { type Cluster, nodesOf, ports } from '@pgha/infra/cluster';
import type { WorkloadTargets } from '../chaos/workload.ts';
import type { ClusterAccess } from './access.ts';

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
