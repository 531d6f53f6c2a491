import { Listr, ListrLogger, PRESET_TIMER, ProcessOutput } from 'listr2';
import { runStep, type Step } from '../step.ts';

/** Runs steps one after the other and shows them on standard error: standard output is for data. */
export async function showSteps(steps: readonly Step[]): Promise<void> {
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  const tasks = steps.map((step) => ({
    title: step.title,
    task: async (_context: unknown, task: { output: string; skip(message: string): void }) => {
      // who waits says the same again and again
      let said = '';
      const end = await runStep(step, (line) => {
        if (line !== said) task.output = line;
        said = line;
      });
      if (end === 'was done') task.skip(`${step.title}: already done`);
    },
  }));
  await new Listr(tasks, {
    concurrent: false,
    renderer: 'default',
    rendererOptions: {
      logger,
      timer: PRESET_TIMER,
      formatOutput: 'truncate',
      // the command's end says what failed; twice the same list is once too many
      showErrorMessage: false,
      collapseSkips: false,
    },
    fallbackRenderer: 'simple',
    fallbackRendererOptions: { logger, timer: PRESET_TIMER },
    fallbackRendererCondition: () => !process.stderr.isTTY,
    // a stopped command has to stop at once; what is half made is removed by the next one
    registerSignalListeners: false,
  }).run();
}

/** The steps of a plan as `--dry-run` prints them. */
export function describeSteps(steps: readonly Step[]): string {
  return steps.map(({ title }, index) => `${`${index + 1}`.padStart(2)}. ${title}\n`).join('');
}
