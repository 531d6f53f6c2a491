import { cpus, totalmem } from 'node:os';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { describeVerdict, type Verdict } from '../chaos/checker.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Installation } from '../installation/installation.ts';
import { withLab } from '../installation/lab.ts';
import { type Fault, faults } from '../lab/faults.ts';
import { underFault } from '../lab/under-fault.ts';
import type { Report } from '../step.ts';
import { answer, type CommandContext, table } from './command.ts';
import { showSteps } from './progress.ts';

type FaultName = keyof typeof faults;

/** What clients saw of one fault, run after run. */
export interface Measurement {
  fault: FaultName;
  verdicts: readonly Verdict[];
}

/** `pgha lab measure`: how long writes are interrupted when the primary fails, as a distribution. */
export function registerLabMeasure(lab: Command, context: CommandContext): void {
  const names = Object.keys(faults) as FaultName[];
  lab
    .command('measure')
    .summary('measure write interruptions of repeated failovers under load')
    .description(
      'Injects a failure of the primary while clients write through :8000 and read through :8001, waits until every member has ' +
        'recovered, and compares the acknowledged writes with the rows of every member. The gap is the longest time between two ' +
        'acknowledged writes. Exits with status 1 if a request failed, or an acknowledged write is missing or duplicated.',
    )
    .addArgument(
      new Argument(
        '[fault...]',
        'failure to inject (default: all but disk-full, which needs "lab up --data-volumes")',
      ).choices(names),
    )
    .option('--runs <count>', 'runs per failure', wholeNumber, 5)
    .option('--json', 'print every run as JSON')
    .addHelpText('after', '\nExamples:\n  pgha lab measure\n  pgha lab measure switchover --runs 20')
    .action((chosen: FaultName[], options: { runs: number; json?: boolean }) =>
      withLab(context.settings.labPlaces, context.signal, async (installation) => {
        const measurements: Measurement[] = [];
        const usual = names.filter((name) => !('needsDataVolumes' in faults[name]));
        for (const fault of chosen.length === 0 ? usual : chosen) {
          measurements.push({ fault, verdicts: await repeat(installation, faults[fault], options.runs) });
        }
        answer(context, options, measurements, renderMeasurements);
        const isHarmless = ({ isValid, missing, counts }: Verdict) =>
          isValid && missing.length === 0 && counts.fail === 0 && counts.unknown === 0 && counts.readsFail === 0;
        if (!measurements.every(({ verdicts }) => verdicts.every(isHarmless))) context.exit(exitCodes.failed);
      }),
    );
}

async function repeat(installation: Installation, fault: Fault, runs: number): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  await showSteps(
    Array.from({ length: runs }, (_, index) => ({
      title: `${fault.summary}, run ${index + 1} of ${runs}`,
      run: async (report: Report) => {
        const { verdict } = await underFault(installation, fault, report);
        verdicts.push(verdict);
        report(describeVerdict(verdict));
      },
    })),
  );
  return verdicts;
}

function renderMeasurements(measurements: readonly Measurement[]): string {
  const seconds = (ms: number) => (ms / 1_000).toFixed(2);
  const sum = (verdicts: readonly Verdict[], of: (verdict: Verdict) => number) =>
    `${verdicts.reduce((total, verdict) => total + of(verdict), 0)}`;
  const rows = measurements.map(({ fault, verdicts }) => {
    const gaps = verdicts.map(({ longestGap }) => longestGap.lengthMs).sort((a, b) => a - b);
    return [
      faults[fault].summary,
      `${verdicts.length}`,
      seconds(quantile(gaps, 0.5)),
      seconds(quantile(gaps, 0.99)),
      seconds(gaps.at(-1) ?? 0),
      sum(verdicts, ({ counts }) => counts.ok),
      sum(verdicts, ({ counts }) => counts.fail + counts.unknown + counts.readsFail),
      sum(verdicts, ({ lost }) => lost.length),
      sum(verdicts, ({ duplicated }) => duplicated.length),
    ];
  });
  const [cpu] = cpus();
  const machine = `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 1024 ** 3)} GiB, shared by every machine of the lab`;
  const headings = ['FAULT', 'RUNS', 'GAP P50 S', 'P99', 'MAX', 'ACKNOWLEDGED', 'ERRORS', 'LOST', 'DUPLICATED'];
  return `${machine}\n\n${table(headings, rows)}`;
}

/** The smallest value that at least this share of them does not exceed. */
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1 to 999.');
  return Number(text);
}
