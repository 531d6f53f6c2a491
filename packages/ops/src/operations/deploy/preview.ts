import { type PlanReview, reviewPlan } from './plan-review.ts';
import type { Session } from './session.ts';
import { stacksOf } from './target.ts';

/** What a deploy would do, as far as it can be known before it does anything. */
export interface Preview {
  reviews: readonly PlanReview[];
  /** Stacks that need what an earlier one has not made yet. */
  later: readonly string[];
}

/**
 * Plans the stacks of a session. A stack looks the earlier ones' resources up by name: before they are made it cannot be
 * planned, and is only named.
 */
export async function previewStacks(session: Session, report: (line: string) => void): Promise<Preview> {
  const reviews: PlanReview[] = [];
  const later: string[] = [];
  const { target } = session.scope;
  for (const stack of stacksOf(session.scope)) {
    const needs = stack === target ? [`${target}-data`] : stack === 'peering' ? [target] : [];
    if (needs.some((needed) => later.includes(needed) || makesSomething(reviews, needed))) {
      later.push(stack);
      continue;
    }
    report(stack);
    const terraform = session.terraform(stack);
    await terraform.init();
    reviews.push(reviewPlan(stack, await terraform.plan()));
  }
  return { reviews, later };
}

const makesSomething = (reviews: readonly PlanReview[], stack: string) =>
  reviews.find((review) => review.stack === stack)?.changes.some(({ action }) => action === 'create') ?? false;
