import { createHash } from 'node:crypto';
import type { Cluster, Node, Region, Role } from './cluster.ts';

/** What a bucket holds. `artifacts`: programs and releases. `state`: what Terraform knows. */
export type BucketPurpose = 'artifacts' | 'backups' | 'state';

/** Stands for the account in names that are rendered before anybody logged in. */
export const unknownAccount = '000000000000';

/** What the names of this cluster's resources begin with. */
export function deploymentName(cluster: Cluster): string {
  return `${cluster.project}-${cluster.environment}`;
}

/**
 * A region's bucket. Names of buckets are shared by everybody in the world, so the account is part of them; they say
 * `primary` or `dr` instead of the region, which would not fit into S3's 63 characters.
 *
 * @param account twelve digits.
 */
export function bucketName(cluster: Cluster, region: Region, purpose: BucketPurpose, account: string): string {
  return `${deploymentName(cluster)}-${purpose}-${region.kind}-${account}`;
}

/** The `Name` tag of a machine, and the name of its IAM role: roles are global, and so are machines' names. */
export function machineResourceName(cluster: Cluster, node: Node): string {
  return `${deploymentName(cluster)}-${node.name}`;
}

/** The `Name` tag of a database machine's data volume: how the machines' stack finds what the data stack made. */
export function dataVolumeName(cluster: Cluster, node: Node): string {
  return `${machineResourceName(cluster, node)}-data`;
}

/** The `Name` tag of a region's network: how the stack of both regions finds what each region's made. */
export function networkName(cluster: Cluster): string {
  return deploymentName(cluster);
}

/** The path of a region's roles: one pattern names all of them, which is how a region that was given up is shut out. */
export function rolePath(cluster: Cluster, region: Region): string {
  return `/${cluster.project}/${cluster.environment}/${region.kind}/`;
}

/** The managed policy that bounds what any role of the cluster may do. */
export function boundaryName(cluster: Cluster): string {
  return `${deploymentName(cluster)}-boundary`;
}

/** @param account twelve digits, or the expression Terraform replaces by them. */
export function boundaryArn(cluster: Cluster, account: string): string {
  return `arn:aws:iam::${account}:policy/${boundaryName(cluster)}`;
}

/** The alias of the key that a region's volumes, buckets and topic are encrypted with. */
export function keyAlias(cluster: Cluster): string {
  return `alias/${deploymentName(cluster)}`;
}

/**
 * The alias of the key that a region's parameters are encrypted with. A key of its own: the account-wide `aws/ssm` decrypts for
 * everybody who may read a parameter, and AWS's `ReadOnlyAccess` may.
 */
export function secretsKeyAlias(cluster: Cluster): string {
  return `${keyAlias(cluster)}-secrets`;
}

/** ELB refuses more than 32 characters. */
export function loadBalancerName(cluster: Cluster): string {
  return shortened(`${deploymentName(cluster)}-db`, 32);
}

/** ELB refuses more than 32 characters. */
export function targetGroupName(cluster: Cluster, listenerPort: number): string {
  return shortened(`${deploymentName(cluster)}-${listenerPort}`, 32);
}

export function securityGroupName(cluster: Cluster, role: Role | 'load-balancer'): string {
  return `${deploymentName(cluster)}-${role}`;
}

/** The CloudWatch log group of a region's network connections. */
export function flowLogGroupName(cluster: Cluster): string {
  return `/${cluster.project}/${cluster.environment}/connections`;
}

/**
 * The folder of the artifact bucket through which an operation and a machine hand each other what is too large, or too
 * secret, for Run Command's own history. What is left there is gone after a day.
 */
export const exchangePrefix = 'exchange/';

/** Cuts a name that is too long and marks it with a digest of the whole, so that two of them still differ. */
function shortened(name: string, limit: number): string {
  if (name.length <= limit) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 6);
  return `${name.slice(0, limit - digest.length - 1).replace(/-$/, '')}-${digest}`;
}
