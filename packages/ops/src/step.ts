/** One visible part of a longer piece of work. `Output` is what it returns to those who hold it; see `OperationContext.outputOf`. */
export interface Step<Output = unknown> {
  title: string;
  /**
   * Whether its result exists already: then it is not run, so that interrupted work resumes where it stopped. Asked once
   * more after it ran. Without it the step may be repeated at no cost.
   */
  isDone?(): Promise<boolean>;
  /** For a step that only prepares another one: whether that one has still to run. */
  isNeeded?(): Promise<boolean>;
  /** Does it; `report` shows one line of progress. */
  run(report: Report): Promise<Output>;
}

/** Carries out steps, one after the other: the command line shows them meanwhile. */
export type Perform = (steps: readonly Step[]) => Promise<void>;

/** Shows one line of what a step is doing. */
export type Report = (line: string) => void;

/**
 * Runs a step unless it is done, or has nothing to prepare any more.
 *
 * @throws when it was run and its result still does not exist: no later step may rely on it.
 */
export async function runStep(step: Step, report: Report): Promise<'ran' | 'was done'> {
  if ((await step.isDone?.()) === true || (await step.isNeeded?.()) === false) return 'was done';
  await step.run(report);
  if (step.isDone !== undefined && !(await step.isDone())) {
    throw new Error(
      `step "${step.title}" finished without an error, but its result could not be verified. Rerun the command`,
    );
  }
  return 'ran';
}

/** Carries out steps without a display; each line of progress goes to `report`. */
export function runSteps(report: Report = () => undefined): Perform {
  return async (steps) => {
    for (const step of steps) await runStep(step, report);
  };
}
