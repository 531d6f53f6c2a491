import type { Cluster } from './cluster.ts';
import { type ClusterInput, withDefaults } from './input.ts';
import { layOutRegion } from './layout.ts';
import type { Problem } from './rules/check.ts';
import { findProblems } from './rules/find-problems.ts';

/** An invalid configuration; lists every error at once. */
export class InvalidClusterError extends Error {
  readonly code = 'E_INVALID_CLUSTER';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 error' : `${problems.length} errors`;
    super(`invalid configuration (${count}):\n${problems.map(({ message }) => `  ${message}`).join('\n')}`);
    this.name = 'InvalidClusterError';
    this.problems = problems;
  }
}

/**
 * Makes the one value everything is rendered from.
 *
 * @param input what differs from the defaults.
 * @throws InvalidClusterError with every error: the value seen and what is allowed.
 */
export function defineCluster(input: ClusterInput = {}): Cluster {
  const complete = withDefaults(input);
  const problems = findProblems(complete);
  if (problems.length > 0) throw new InvalidClusterError(problems);

  const zone = `${complete.environment}.${complete.project}.internal`;
  return {
    project: complete.project,
    environment: complete.environment,
    zone,
    scope: complete.project,
    database: 'pgha',
    durability: complete.durability,
    primary: layOutRegion('primary', complete.primary, complete, zone),
    dr: complete.dr === null ? null : layOutRegion('dr', complete.dr, complete, zone),
    patroni: complete.patroni,
    backups: complete.backups,
    volumes: complete.volumes,
    alertEmail: complete.alertEmail,
    documentationUrl: complete.documentationUrl,
    monitoring: complete.monitoring,
    awsProfile: complete.awsProfile,
    keyPair: complete.keyPair,
    adminCidrs: complete.adminCidrs,
    apiCidrs: complete.apiCidrs,
    egress: complete.egress,
    flowLogs: complete.flowLogs,
    permissionsBoundary: complete.permissionsBoundary,
    objectLockDays: complete.objectLockDays,
    state: complete.state,
  };
}
