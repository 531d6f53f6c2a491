import { Listr, ListrLogger, PRESET_TIMER, ProcessOutput } from 'listr2';
import type { Step } from '../lab/steps.ts';

/** Runs steps one after the other and shows them on standard error: standard output is for data. */
export async function showSteps(steps: readonly Step[]): Promise<void> {
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  const tasks = steps.map(({ title, run }) => ({
    title,
    task: (_context: unknown, task: { output: string }) =>
      run((line) => {
        task.output = line;
      }),
  }));
  await new Listr(tasks, {
    concurrent: false,
    renderer: 'default',
    rendererOptions: { logger, timer: PRESET_TIMER, formatOutput: 'truncate', collapseErrors: false },
    fallbackRenderer: 'simple',
    fallbackRendererOptions: { logger, timer: PRESET_TIMER },
    fallbackRendererCondition: () => !process.stderr.isTTY,
    // a stopped command has to stop at once; what is half made is removed by the next one
    registerSignalListeners: false,
  }).run();
}
