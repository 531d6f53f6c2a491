import { type Cluster, nodesOf, ports, type Region } from '@pgha/infra/cluster';
import type { WorkloadTargets } from '../chaos/workload.ts';
import type { ClusterAccess } from './access.ts';

/** Both services of a lab as a workload dials them, on the API server of a region. */
export function workloadTargets(
  cluster: Cluster,
  { ca, apiKey }: ClusterAccess,
  region: Region = cluster.primary,
): WorkloadTargets {
  const [server] = nodesOf(region, 'api');
  if (server === undefined) throw new Error(`${region.awsRegion} has no API server`);
  const { address, hostname } = server;
  return {
    write: { address, hostname, port: ports.api, ca },
    read: { address, hostname, port: ports.readApi, ca },
    apiKey,
  };
}
