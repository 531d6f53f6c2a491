import type { S3Client } from '@aws-sdk/client-s3';
import { type Cluster, type Node, nodesOf, type Region, type Role, regionOf } from '@pgha/infra/cluster';
import type { Site } from '@pgha/infra/machines';
import type { Host } from '../hosts/host.ts';
import type { Tunnel } from '../hosts/tunnel.ts';
import type { SecretStore } from '../secrets/index.ts';

/** A cluster that runs somewhere, and the ways into it. Operations know no other: EC2 and the lab look the same to them. */
export interface Installation {
  readonly kind: 'aws' | 'lab';
  readonly cluster: Cluster;
  /** Who is working, for the lock and the audit line. */
  readonly operator: string;
  /** Ends when the user stops the command. */
  readonly signal: AbortSignal;
  /** A machine, to be entered. */
  host(node: Node): Host;
  /** The address under which this computer reaches the machine: a public one on AWS. */
  addressOf(node: Node): Promise<string>;
  /** A way to a port of a region's load balancer, which is inside its network. The caller closes it. */
  tunnel(region: Region, port: number): Promise<Tunnel>;
  site(region: Region): Site;
  /** The Parameter Stores of these regions as one; a region that is down is left out by whoever asks. */
  secrets(regions: readonly [Region, ...Region[]]): SecretStore;
  /** S3 of a region; its buckets' names are the site's. */
  s3(region: Region): S3Client;
  power: Power;
  /** What a node wrote to its console last, for one that is unreachable. Absent in the lab. */
  consoleOf?(node: Node): Promise<string | null>;
  /** Data volumes of a region that no node uses, described for people. Absent in the lab, where a node's disk goes with it. */
  retainedVolumes?(region: Region): Promise<string>;
}

/** The machines' switches: EC2's API, or the lab's power strip. */
export interface Power {
  state(node: Node): Promise<PowerState>;
  /** Cuts it, without a shutdown: what is stopped this way is fenced. Returns when it is off. */
  cut(node: Node): Promise<void>;
  /** Returns when it boots, not when it has. */
  start(node: Node): Promise<void>;
  /** An orderly shutdown and a new boot; returns before the machine is back. */
  reboot(node: Node): Promise<void>;
}

/** `missing`: there is no such machine. */
type PowerState = 'running' | 'off' | 'missing';

/** The hosts of one role in a region, in their order. */
export function hostsOf(installation: Pick<Installation, 'host'>, region: Region, role: Role): readonly Host[] {
  return nodesOf(region, role).map((node) => installation.host(node));
}

/** Every region the cluster has, for what has to be the same in all of them. */
export function bothRegions({ primary, dr }: Cluster): readonly [Region, ...Region[]] {
  return dr === null ? [primary] : [primary, dr];
}

/** Every machine of the cluster with its host and its site, as `apply` works on them. */
export function enterAll(installation: Pick<Installation, 'cluster' | 'host' | 'site'>, nodes: readonly Node[]) {
  return nodes.map((node) => ({
    node,
    host: installation.host(node),
    site: installation.site(regionOf(installation.cluster, node)),
  }));
}
