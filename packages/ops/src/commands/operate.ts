import type { Installation } from '../installation/installation.ts';
import type { Operation } from '../operations/engine/operation.ts';
import { execute } from '../operations/engine/run.ts';
import { askConsent } from './aws.ts';
import type { CommandContext } from './command.ts';
import { describeSteps, showSteps } from './progress.ts';

/** The options of a command that runs an operation. */
interface OperateOptions {
  dryRun?: boolean;
  yes?: boolean;
}

/** What a command says besides the operation's question, its steps and its result. */
interface Sayings<View> {
  /** Shows what was observed; false: there is nothing to do. */
  seen?(view: View): boolean;
  /** Shows the plan of a dry run otherwise than as a list of its steps. */
  preview?(steps: string, view: View): void;
}

/**
 * Runs an operation as a command does: shows its plan for a dry run, else asks, and shows its steps while it runs.
 *
 * @returns what the operation ended with; null: it was only shown, or there was nothing to do.
 */
export async function operate<View, Choice extends string, Result>(
  context: CommandContext,
  options: OperateOptions,
  installation: Installation,
  operation: Operation<View, Choice, Result>,
  { seen, preview = (steps) => context.print(steps) }: Sayings<View> = {},
): Promise<Result | null> {
  const ended = await execute(operation, installation, {
    perform: showSteps,
    agree: (question) => askConsent(question, options.yes === true),
    ...(seen === undefined ? {} : { seen }),
    ...(options.dryRun === true ? { preview: (steps, view: View) => preview(describeSteps(steps), view) } : {}),
  });
  return ended === null ? null : ended.result;
}
