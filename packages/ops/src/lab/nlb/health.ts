/** How often a target is asked, and how many equal answers in a row change its state. */
export interface HealthRule {
  intervalMs: number;
  timeoutMs: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
}

/** `initial`: registered, not yet judged; it gets connections only when nobody is healthy. */
type HealthState = 'initial' | 'healthy' | 'unhealthy';

interface TargetHealth {
  state: HealthState;
  /** Answers in a row that speak for another state. */
  streak: { answer: 'passed' | 'failed'; length: number } | null;
}

/** What the load balancer believes of each target, by address. Targets never leave: registering one takes over a minute. */
export type HealthView = ReadonlyMap<string, TargetHealth>;

/** The view of a load balancer that has asked nobody yet. */
export function initialView(targets: readonly string[]): HealthView {
  return new Map(targets.map((target) => [target, { state: 'initial', streak: null }]));
}

/** The view after one more answer of one target. */
export function observe(view: HealthView, target: string, passed: boolean, rule: HealthRule): HealthView {
  const health = view.get(target);
  if (health === undefined) throw new Error(`${target} is not a target of this load balancer`);
  return new Map(view).set(target, judge(health, passed, rule));
}

/**
 * Where new connections go: the healthy targets, or all of them when none is healthy.
 * Source: Elastic Load Balancing, Network Load Balancers, "Health checks for target groups" (fail-open).
 */
export function eligibleTargets(view: HealthView): readonly string[] {
  const healthy = [...view].filter(([, { state }]) => state === 'healthy').map(([target]) => target);
  return healthy.length > 0 ? healthy : [...view.keys()];
}

/**
 * The targets whose connections are reset by the step from one view to the next: those that stopped being eligible. The last
 * healthy target that turns unhealthy makes all eligible, so its connections stay.
 */
export function targetsToReset(before: HealthView, after: HealthView): readonly string[] {
  const eligible = new Set(eligibleTargets(after));
  return eligibleTargets(before).filter((target) => !eligible.has(target));
}

function judge(health: TargetHealth, passed: boolean, rule: HealthRule): TargetHealth {
  const answer = passed ? 'passed' : 'failed';
  const confirmed = passed ? 'healthy' : 'unhealthy';
  if (health.state === confirmed) return { state: health.state, streak: null };
  const length = health.streak?.answer === answer ? health.streak.length + 1 : 1;
  const threshold = passed ? rule.healthyThreshold : rule.unhealthyThreshold;
  return length >= threshold ? { state: confirmed, streak: null } : { state: health.state, streak: { answer, length } };
}
