/** One visible part of a longer piece of work. */
export interface Step {
  title: string;
  /**
   * Whether what it brings about is there already: then it is not run, so that work that was cut off goes on where it
   * stopped. Asked once more after it ran. Without it the step may be repeated at no cost.
   */
  isDone?(): Promise<boolean>;
  /** For a step that only prepares another one: whether that is still to come. */
  isNeeded?(): Promise<boolean>;
  /** Does it; `report` shows one line of what is going on. */
  run(report: Report): Promise<void>;
}

/** Shows one line of what a step is doing. */
export type Report = (line: string) => void;

/**
 * Runs a step unless it is done, or has nothing to prepare any more.
 *
 * @throws when it was run and what it brings about is still not there: nothing may be built on it.
 */
export async function runStep(step: Step, report: Report): Promise<'ran' | 'was done'> {
  if ((await step.isDone?.()) === true || (await step.isNeeded?.()) === false) return 'was done';
  await step.run(report);
  if (step.isDone !== undefined && !(await step.isDone())) {
    throw new Error(
      `"${step.title}" ended without an error, and what it brings about is not there; run the command again`,
    );
  }
  return 'ran';
}
