import type { Command } from 'commander';
import { checkAccount, describeAccount } from '../operations/deploy/account-check.ts';
import { describeReview } from '../operations/deploy/plan-review.ts';
import { type Preview, previewStacks } from '../operations/deploy/preview.ts';
import type { Session } from '../operations/deploy/session.ts';
import type { Target } from '../operations/deploy/target.ts';
import { type AwsOptions, openSession, regionArgument, withAlone, withConfig } from './aws.ts';
import { answer, type CommandContext, examples } from './command.ts';
import { showSteps } from './progress.ts';

/** `pgha plan REGION`: changes nothing. */
export function registerPlan(program: Command, context: CommandContext): void {
  withAlone(withConfig(program.command('plan'), context))
    .summary('show what a deployment would change')
    .description(
      'Runs a Terraform plan of every stack of a region and shows what a deployment would change. Changes nothing.',
    )
    .addArgument(regionArgument())
    .option('--json', 'print the changes as JSON')
    .addHelpText(...examples('plan primary', 'plan dr --json'))
    .action(async (target: Target, options: AwsOptions & { json?: boolean }) => {
      const session = await openSession(context, target, options);
      process.stderr.write(describeAccount(await checkAccount(session)));
      const preview = await showPreview(session);
      answer(context, options, preview, describePreview);
    });
}

/** Plans and says so. */
export async function showPreview(session: Session): Promise<Preview> {
  const found: { preview: Preview } = { preview: { reviews: [], later: [] } };
  await showSteps([
    {
      title: 'Run terraform plan',
      run: async (report) => {
        found.preview = await previewStacks(session, report);
      },
    },
  ]);
  return found.preview;
}

export function describePreview({ reviews, later }: Preview): string {
  const unplanned = later.map((stack) => `${stack}: can be planned after the stacks before it exist\n`);
  return [...reviews.map(describeReview), ...unplanned].join('');
}
