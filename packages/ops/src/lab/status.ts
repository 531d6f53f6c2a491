import { allNodes, type Cluster, membersOf, ports, type Region, regionOf, regionsOf } from '@pgha/infra/cluster';
import { askAnyMember, type PatroniMember } from '../clients/patroni.ts';
import { type ClusterAccess, patroniEndpoints, readAccess } from './access.ts';
import { awsMachineName, provideAuthority } from './aws.ts';
import { findControlGroups, groupMemoryBytes, groupProcesses } from './control-groups.ts';
import { loadBalancerName, readBalancerView } from './load-balancer.ts';
import { findLeader } from './machines.ts';
import { clusterCaFile, type Places } from './places.ts';
import { requireRecord } from './record.ts';

/** A lab as `pgha lab status` shows it. */
export interface LabStatus {
  phase: 'starting' | 'up';
  startedAt: string;
  machines: readonly MachineStatus[];
  members: readonly (PatroniMember & { region: string })[];
  loadBalancers: readonly { region: string; target: string; state: string; since: string; connections: number }[];
  urls: readonly { what: string; url: string }[];
  memoryBytes: number;
}

interface MachineStatus {
  name: string;
  role: string;
  region: string;
  address: string;
  state: 'running' | 'off';
  memoryBytes: number;
}

/**
 * Looks at every part of the lab; what does not answer is shown as missing, never waited for.
 *
 * @throws RefusedError when there is no lab.
 */
export async function readLabStatus(places: Places): Promise<LabStatus> {
  const { cluster, phase, startedAt } = await requireRecord(places);
  const groups = await findControlGroups();
  const isOn = async (name: string): Promise<MachineStatus['state']> =>
    (await findLeader(groups, name)) === null ? 'off' : 'running';
  const machines: MachineStatus[] = await Promise.all([
    ...allNodes(cluster).map(async ({ name, role, address, ...node }) => ({
      name,
      role,
      region: regionOf(cluster, { name, role, address, ...node }).awsRegion,
      address,
      state: await isOn(name),
      memoryBytes: await groupMemoryBytes(groups, name),
    })),
    (async () => ({
      name: awsMachineName,
      role: 'AWS stand-in',
      region: '-',
      address: '-',
      state: await isOn(awsMachineName),
      memoryBytes: await groupMemoryBytes(groups, awsMachineName),
    }))(),
  ]);
  const access = await readAccess(cluster, await provideAuthority(places)).catch(() => null);
  const balancers = await Promise.all(regionsOf(cluster).map((region) => balancerLines(places, region)));
  const balancerMemory = await Promise.all(
    regionsOf(cluster).map(async (region) => {
      const isThere = (await groupProcesses(groups, loadBalancerName(region))).length > 0;
      return isThere ? groupMemoryBytes(groups, loadBalancerName(region)) : 0;
    }),
  );
  return {
    phase,
    startedAt,
    machines,
    members: access === null ? [] : await readMembers(cluster, access),
    loadBalancers: balancers.flat(),
    urls: labUrls(places, cluster),
    memoryBytes: [...machines.map(({ memoryBytes }) => memoryBytes), ...balancerMemory].reduce(
      (sum, part) => sum + part,
      0,
    ),
  };
}

/** Every address a person opens or dials from this machine. */
function labUrls(places: Places, cluster: Cluster): readonly { what: string; url: string }[] {
  const [balancer = ''] = cluster.primary.loadBalancer.addresses;
  const at = (role: string, port: number, what: string) =>
    cluster.primary.nodes
      .filter((node) => node.role === role)
      .map(({ address }) => ({ what, url: `https://${address}:${port}` }));
  const database = (port: number) => `postgresql://${balancer}:${port}/${cluster.database}?sslmode=verify-full`;
  return [
    ...at('api', ports.api, 'write API'),
    ...at('api', ports.readApi, 'read API'),
    { what: 'read/write', url: database(5432) },
    { what: 'read-only', url: database(5433) },
    { what: 'pooled read/write', url: database(6432) },
    ...at('monitoring', ports.prometheus, 'Prometheus'),
    ...at('monitoring', ports.alertmanager, 'Alertmanager'),
    { what: 'CA of the certificates', url: clusterCaFile(places) },
  ];
}

async function readMembers(cluster: Cluster, { ca }: ClusterAccess): Promise<(PatroniMember & { region: string })[]> {
  const regions = await Promise.all(
    regionsOf(cluster).map(async (region) => {
      const { members } = await askAnyMember(patroniEndpoints(region, ca)).catch(() => ({ members: [] }));
      return members.map((member) => ({ ...member, region: region.awsRegion }));
    }),
  );
  return regions.flat();
}

async function balancerLines(places: Places, region: Region) {
  const names = new Map(membersOf(region).map(({ name, address }) => [address, name]));
  const view = await readBalancerView(places, region);
  return (view?.targets ?? []).map(({ address, ...target }) => ({
    region: region.awsRegion,
    target: names.get(address) ?? address,
    ...target,
  }));
}
