import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { describeVerdict, type Verdict } from '../chaos/checker.ts';
import { startWorkload, type Workload } from '../chaos/workload.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Installation } from '../installation/installation.ts';
import { findServices, judgeRun } from '../operations/load.ts';
import { answer, type CommandContext } from './command.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';

interface LoadOptions extends PlaceOptions {
  seconds: number;
  writers: number;
  readers: number;
  everyMs: number;
  keep?: boolean;
  json?: boolean;
}

const reportEveryMs = 1_000;

/** `pgha load`: writes and reads as a client, and proves afterwards that nothing acknowledged is missing. */
export function registerLoad(program: Command, context: CommandContext): void {
  withPlace(program.command('load'), context)
    .summary('run a test workload and check that no acknowledged write is lost')
    .description(
      'Inserts through :8000 and reads through :8001 for the given time, prints what clients see every second, then checks every ' +
        'member for every acknowledged row. Exits with status 1 if a row is missing, duplicated, or was never written, or if a member ' +
        'could not be read. Start it before you try a failover.',
    )
    .option('--seconds <count>', 'duration', wholeNumber, 60)
    .option('--writers <count>', 'number of writing clients', wholeNumber, 4)
    .option('--readers <count>', 'number of reading clients', wholeNumber, 2)
    .option('--every-ms <ms>', 'minimum interval between requests of one client', wholeNumber, 20)
    .option('--keep', 'keep the inserted rows (default: delete them)')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExamples:\n  pgha load --seconds 120\n  pgha load --writers 16 --every-ms 5 --lab')
    .action((options: LoadOptions) =>
      withInstallation(context, options, async (installation) => {
        const verdict = await runLoad(installation, options);
        answer(context, options, verdict, (value) => `${describeVerdict(value)}\n`);
        if (!verdict.isValid || verdict.missing.length > 0) context.exit(exitCodes.failed);
      }),
    );
}

async function runLoad(installation: Installation, options: LoadOptions): Promise<Verdict> {
  const { signal } = installation;
  const run = `load-${Date.now()}`;
  const { writers, readers, everyMs } = options;
  const services = await findServices(installation);
  const workload = startWorkload(services, { run, writers, readers, everyMs });
  await watch(workload, options.seconds * 1_000, signal);
  const history = await workload.stop();
  process.stderr.write('checking every member for every acknowledged row\n');
  const report = (line: string) => void process.stderr.write(`${line}\n`);
  return judgeRun(installation, run, history, { keep: options.keep === true, region: services.region, report });
}

/** One line a second on standard error: what came back in it. */
async function watch(workload: Workload, durationMs: number, signal: AbortSignal): Promise<void> {
  const endAt = performance.now() + durationMs;
  let before = workload.counts();
  while (performance.now() < endAt && !signal.aborted) {
    await delay(Math.min(reportEveryMs, endAt - performance.now()), undefined, { signal }).catch(() => undefined);
    const now = workload.counts();
    process.stderr.write(
      `${new Date().toISOString().slice(11, 19)}  ${now.ok - before.ok} acknowledged, ${now.fail - before.fail} refused, ` +
        `${now.unknown - before.unknown} unknown; ${now.readsOk - before.readsOk} reads succeeded, ${now.readsFail - before.readsFail} failed\n`,
    );
    before = now;
  }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1 to 999999.');
  return Number(text);
}
