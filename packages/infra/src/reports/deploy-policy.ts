import { boundaryName, type Cluster, deploymentName } from '../cluster/index.ts';
import { accessStatements } from './policies/access.ts';
import { boundaryStatements } from './policies/boundary.ts';
import { dataStatements } from './policies/data.ts';
import { networkStatements } from './policies/network.ts';
import { planStatements } from './policies/plan.ts';
import { serviceStatements } from './policies/services.ts';
import type { Policy, Statement } from './policies/statement.ts';

export type { Policy, Statement } from './policies/statement.ts';

const policy = (name: string, purpose: string, statements: readonly Statement[]): Policy => ({
  name,
  purpose,
  document: { Version: '2012-10-17', Statement: statements },
});

/**
 * What deploying needs and no more: four policies, because IAM takes 6 144 characters each. Whatever has a name is named;
 * what gets its name from AWS is limited to the cluster's regions and, once it is there, to the cluster's tags.
 *
 * @param account twelve digits.
 */
export function deployPolicies(cluster: Cluster, account: string): readonly Policy[] {
  const name = (part: string) => `${deploymentName(cluster)}-deploy-${part}`;
  return [
    policy(name('network'), 'networks and machines', networkStatements(cluster, account)),
    policy(name('data'), 'state, buckets, keys, volumes', dataStatements(cluster, account)),
    policy(name('services'), 'load balancers, names, alerts, logs', serviceStatements(cluster, account)),
    policy(name('access'), 'roles, secrets, commands', accessStatements(cluster, account)),
  ];
}

/** The bound of every role that a deploy makes; an administrator makes it before the first deploy. */
export function boundaryPolicy(cluster: Cluster, account: string): Policy {
  const purpose = 'the permissions boundary of the nodes: never attached by hand';
  return policy(boundaryName(cluster), purpose, boundaryStatements(cluster, account));
}

/** What the role that plans pull requests has beside AWS's ReadOnlyAccess. */
export function planPolicy(cluster: Cluster, account: string): Policy {
  const purpose = "plans of pull requests, in addition to AWS's ReadOnlyAccess";
  return policy(`${deploymentName(cluster)}-plan`, purpose, planStatements(cluster, account));
}
