/** What a plan does with one resource. */
export interface Change {
  address: string;
  type: string;
  action: 'create' | 'update' | 'delete' | 'replace';
}

/** What Terraform is about to do with one stack. */
export interface PlanReview {
  stack: string;
  changes: readonly Change[];
}

/**
 * What a plan must not delete or replace unless it was named: machines (one at a time, by `pgha nodes replace`), and what
 * holds data, addresses or names that others rely on.
 */
const kept = new Set([
  'aws_ebs_volume',
  'aws_eip',
  'aws_instance',
  'aws_kms_key',
  'aws_lb',
  'aws_lb_target_group',
  'aws_route53_zone',
  'aws_s3_bucket',
  'aws_subnet',
  'aws_volume_attachment',
  'aws_vpc',
]);

/**
 * Reads `terraform show -json` of a plan (Terraform, "JSON Output Format": `resource_changes`).
 */
export function reviewPlan(stack: string, plan: unknown): PlanReview {
  const { resource_changes: resources = [] } = plan as {
    resource_changes?: readonly {
      address: string;
      type: string;
      mode: string;
      change: { actions: readonly string[] };
    }[];
  };
  const changes = resources.flatMap(({ address, type, mode, change: { actions } }): Change[] => {
    const action = mode === 'managed' ? actionOf(actions) : null;
    return action === null ? [] : [{ address, type, action }];
  });
  return { stack, changes };
}

/** What a person has to agree to by name before it is applied. */
export function dangersOf({ changes }: PlanReview, allowed: readonly string[] = []): readonly Change[] {
  return changes.filter(
    ({ type, action, address }) =>
      kept.has(type) && (action === 'delete' || action === 'replace') && !allowed.includes(address),
  );
}

/** One line a stack, and a line for each resource that is not simply created. */
export function describeReview({ stack, changes }: PlanReview): string {
  const count = (action: Change['action']) => changes.filter((change) => change.action === action).length;
  const counts = (['create', 'update', 'replace', 'delete'] as const)
    .filter((action) => count(action) > 0)
    .map((action) => `${count(action)} to ${action}`);
  const lines = changes
    .filter(({ action }) => action !== 'create')
    .map(({ action, address }) => `  ${action} ${address}\n`);
  return `${stack}: ${counts.length === 0 ? 'nothing to change' : counts.join(', ')}\n${lines.join('')}`;
}

function actionOf(actions: readonly string[]): Change['action'] | null {
  if (actions.includes('create') && actions.includes('delete')) return 'replace';
  const [only] = actions;
  return only === 'create' || only === 'update' || only === 'delete' ? only : null;
}
