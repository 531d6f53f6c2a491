import type { Step } from '../../step.ts';
import { reviewPlan } from './plan-review.ts';
import type { Session } from './session.ts';
import type { Scope } from './target.ts';

/** AWS refuses to delete the load balancer while this is on. */
const unprotected = { deletion_protection: 'false' } as const;
const loadBalancer = 'aws_lb.load-balancer_nlb';

/**
 * The steps that remove a region's machines and network, and leave its data stack alone: volumes, buckets and the key stay,
 * and a later deploy finds them.
 */
export function planDestroy({ cluster, target, region, alone }: Scope, open: () => Session): readonly Step[] {
  const peering: Step = {
    title: 'Peering of both networks',
    run: (report) => destroyStack(open(), 'peering', {}, report),
  };
  return [
    ...(cluster.dr === null || alone ? [] : [peering]),
    {
      title: "The load balancer's protection",
      run: async (report) => {
        const terraform = open().terraform(target);
        await terraform.init();
        if (!('load_balancer_dns_name' in (await terraform.outputs()))) return report('there is none');
        await terraform.plan({ variables: unprotected, targets: [loadBalancer] });
        await terraform.apply(report);
      },
    },
    {
      title: `Machines, load balancer and network of ${region.awsRegion}`,
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
  if (changes.length === 0) return report('nothing is there');
  await terraform.apply(report);
}
