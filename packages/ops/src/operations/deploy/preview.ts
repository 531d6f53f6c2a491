import { type PlanReview, reviewPlan } from './plan-review.ts';
import type { Session } from './session.ts';
import { stacksOf } from './target.ts';

/** What a deploy would do, as far as it can be known before it does anything. */
export interface Preview {
  reviews: readonly PlanReview[];
  /** Stacks that need what an earlier one has not made yet. */
  later: readonly string[];
}

/** Plans the stacks of a session. The peering cannot be planned before its networks are made, and is only named then. */
export async function previewStacks(session: Session, report: (line: string) => void): Promise<Preview> {
  const reviews: PlanReview[] = [];
  const later: string[] = [];
  const { target } = session.scope;
  for (const stack of stacksOf(session.scope)) {
    // it looks both regions' networks up by name
    if (stack === 'peering' && makesSomething(reviews, target)) {
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
