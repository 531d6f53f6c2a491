import { covers, quoteAddress } from './resource-address.ts';

/** In the order of a summary. `import`: exists and is managed from now on. `forget`: stays, and is managed no longer. */
const actions = ['create', 'import', 'update', 'replace', 'forget', 'delete'] as const;
type Action = (typeof actions)[number];

/** What a plan does with one resource. */
export interface Change {
  address: string;
  type: string;
  action: Action;
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
      change: { actions: readonly string[]; importing?: object };
    }[];
  };
  const changes = resources.flatMap(({ address, type, mode, change }): Change[] => {
    const action = mode === 'managed' ? actionOf(change) : null;
    return action === null ? [] : [{ address, type, action }];
  });
  return { stack, changes };
}

/**
 * What a person has to agree to by name before it is applied.
 *
 * @param allowed addresses; one without a key names all that `count` or `for_each` made.
 */
export function dangersOf({ changes }: PlanReview, allowed: readonly string[] = []): readonly Change[] {
  return changes.filter(
    ({ type, action, address }) =>
      kept.has(type) &&
      (action === 'delete' || action === 'replace') &&
      !allowed.some((named) => covers(named, address)),
  );
}

/**
 * Why a plan is not applied, and what is done instead. Only `pgha deploy` takes `--allow`; other commands end in this too.
 *
 * @param target the region as the command line names it.
 */
export function describeDangers(target: string, stack: string, dangers: readonly Change[]): string {
  const what = dangers.map(({ action, address }) => `${action} ${address}`).join(', ');
  const allow = dangers.map(({ address }) => `--allow ${quoteAddress(address)}`).join(' ');
  return (
    `stack ${stack} was not changed: its plan would ${what}. Replace nodes one at a time with "pgha nodes replace"; ` +
    `to permit these changes, run: pgha deploy ${target} ${allow}`
  );
}

/** One line a stack, and a line for each resource that is not simply created. */
export function describeReview({ stack, changes }: PlanReview): string {
  const count = (action: Action) => changes.filter((change) => change.action === action).length;
  const counts = actions.filter((action) => count(action) > 0).map((action) => `${count(action)} to ${action}`);
  const lines = changes
    .filter(({ action }) => action !== 'create')
    .map(({ action, address }) => `  ${action} ${address}\n`);
  return `${stack}: ${counts.length === 0 ? 'nothing to change' : counts.join(', ')}\n${lines.join('')}`;
}

function actionOf({ actions: told, importing }: { actions: readonly string[]; importing?: object }): Action | null {
  if (told.includes('create') && told.includes('delete')) return 'replace';
  const [only] = told;
  if (importing !== undefined && (only === 'no-op' || only === 'update')) return 'import';
  return only === 'create' || only === 'update' || only === 'delete' || only === 'forget' ? only : null;
}
