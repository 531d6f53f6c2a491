import { RefusedError } from '../../exit-codes.ts';
import { type AccountReview, reviewAccount } from './account-limits.ts';
import { readRegionAccount } from './account-reading.ts';
import type { Session } from './session.ts';

/** Holds the account against what the session's region still has to be given; nothing is changed. */
export async function checkAccount({ scope, login }: Session): Promise<AccountReview> {
  return reviewAccount(scope.cluster, scope.region, await readRegionAccount(login, scope.region));
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
export function requireAccount({ obstacles }: AccountReview): void {
  if (obstacles.length === 0) return;
  throw new RefusedError(
    `the AWS account cannot host this region; nothing was changed:\n${obstacles.map((line) => `  - ${line}`).join('\n')}`,
  );
}
