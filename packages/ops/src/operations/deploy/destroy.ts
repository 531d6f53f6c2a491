import { bucketName, dataVolumeName, keyAlias, membersOf, parameterName, secretsKeyAlias } from '@pgha/infra/cluster';
import type { Step } from '../../step.ts';
import { reviewPlan } from './plan-review.ts';
import type { Session } from './session.ts';
import type { Scope } from './target.ts';

/** AWS refuses to delete the load balancer while this is on. */
const unprotected = { deletion_protection: 'false' } as const;
const loadBalancer = 'aws_lb.load-balancer_nlb';

const dayMs = 24 * 60 * 60_000;

/** What a destroy leaves, where it is, and until when nobody can delete it. */
export function describeRemains({ cluster, region }: Scope, account: string, now: Date): string {
  const { objectLockDays: days } = cluster;
  const until = (count: number) => new Date(now.getTime() + count * dayMs).toISOString().slice(0, 10);
  const backups = bucketName(cluster, region, 'backups', account);
  return [
    `The data of ${region.awsRegion} is retained until you delete it:`,
    `  volumes    ${membersOf(region)
      .map((node) => dataVolumeName(cluster, node))
      .join(', ')}`,
    `  backups    ${backups}: ${
      days === null
        ? 'no object lock: an administrator can delete all of it at once'
        : `object lock: the newest objects cannot be deleted before ${until(days)} without s3:BypassGovernanceRetention`
    }`,
    `  artifacts  ${bucketName(cluster, region, 'artifacts', account)}`,
    `  keys       ${keyAlias(cluster)}, ${secretsKeyAlias(cluster)}: without them volumes, backups and secrets cannot be read`,
    `  secrets    ${parameterName(cluster, '*')} in Parameter Store`,
    'A later deploy reuses it. To remove it, see docs/runbook-setup.md, "Delete the cluster".',
    '',
  ].join('\n');
}

/**
 * The steps that remove a region's machines and network, and leave its data stack alone: volumes, buckets and the key stay,
 * and a later deploy finds them.
 */
export function planDestroy({ cluster, target, region, alone }: Scope, open: () => Session): readonly Step[] {
  const peering: Step = {
    title: 'Destroy the VPC peering',
    run: (report) => destroyStack(open(), 'peering', {}, report),
  };
  return [
    ...(cluster.dr === null || alone ? [] : [peering]),
    {
      title: 'Disable the deletion protection of the load balancer',
      run: async (report) => {
        const terraform = open().terraform(target);
        await terraform.init();
        if (!('load_balancer_dns_name' in (await terraform.outputs()))) return report('no load balancer');
        await terraform.plan({ variables: unprotected, targets: [loadBalancer] });
        await terraform.apply(report);
      },
    },
    {
      title: `Destroy the nodes, load balancer and network of ${region.awsRegion}`,
      run: (report) => destroyStack(open(), target, unprotected, report),
    },
  ];
}

async function destroyStack(
  session: Session,
  stack: string,
  variables: Readonly<Record<string, string>>,
  report: (line: string) => void,
): Promise<void> {
  const terraform = session.terraform(stack);
  await terraform.init();
  const { changes } = reviewPlan(stack, await terraform.plan({ destroy: true, variables }));
  if (changes.length === 0) return report('nothing to destroy');
  await terraform.apply(report);
}
