import type { Node } from '@pgha/infra/cluster';
import { RefusedError } from '../../exit-codes.ts';
import { type AccountReview, reviewAccount, reviewNode } from './account-limits.ts';
import { readRegionAccount } from './account-reading.ts';
import type { Session } from './session.ts';

/** Holds the account against what the session's region still has to be given; nothing is changed. */
export async function checkAccount({ scope, login }: Session): Promise<AccountReview> {
  return reviewAccount(scope.cluster, scope.region, await readRegionAccount(login, scope.region));
}

/**
 * Holds the account against one node that is about to be created, alone or in the place of another one.
 *
 * @returns what could not be found out.
 * @throws RefusedError before anything is created or stopped.
 */
export async function requireAccountForNode({ scope, login }: Session, node: Node): Promise<AccountReview> {
  const account = await readRegionAccount(login, { ...scope.region, nodes: [node] });
  const review = reviewNode(scope.cluster, scope.region, node, account);
  requireAccount(review, node.name);
  return review;
}

/** For people: every obstacle, and what was not found out; empty when there is neither. */
export function describeAccount({ obstacles, unknown }: AccountReview): string {
  return [
    ...obstacles.map((line) => `AWS account: ${line}\n`),
    ...(unknown.length === 0 ? [] : [`AWS account: not checked, because AWS did not report: ${unknown.join(', ')}\n`]),
  ].join('');
}

/**
 * @throws RefusedError before anything is made, with everything that would end the deploy half-way.
 */
export function requireAccount({ obstacles }: AccountReview, what = 'this region'): void {
  if (obstacles.length === 0) return;
  throw new RefusedError(
    `the AWS account cannot host ${what}; nothing was changed:\n${obstacles.map((line) => `  - ${line}`).join('\n')}`,
  );
}
