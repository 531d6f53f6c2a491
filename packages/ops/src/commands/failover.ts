import type { Command } from 'commander';
import { chooseFailover, type FailoverRequest, type FailoverView, failover } from '../operations/failover.ts';
import { answer, type CommandContext, table, yes } from './command.ts';
import { operate } from './operate.ts';
import { type PlaceOptions, withInstallation, withPlace } from './place.ts';
import { bytes } from './units.ts';

interface FailoverOptions extends PlaceOptions {
  to?: string;
  acceptDataLoss?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** `pgha failover`: an operator decides where Patroni must not. */
export function registerFailover(program: Command, context: CommandContext): void {
  withPlace(program.command('failover'), context)
    .summary('promote a member by hand when automatic failover cannot')
    .description(
      'For when there is no primary and Patroni does not promote a member because it could lack acknowledged commits. Shows the LSN ' +
        'each member has received and what promoting it could lose. Recovering a failed member is always the better way.',
    )
    .option(
      '--to <member>',
      'member to promote (default: one that has every acknowledged commit, else the most advanced)',
    )
    .option('--accept-data-loss', 'promote even if acknowledged commits may be lost')
    .option('--dry-run', 'print the candidates and the plan without changing anything')
    .option(...yes)
    .option('--json', 'print the candidates as JSON')
    .addHelpText('after', '\nExamples:\n  pgha failover --dry-run\n  pgha failover --to pg-3 --accept-data-loss')
    .action((options: FailoverOptions) =>
      withInstallation(context, options, async (installation) => {
        const request = { to: options.to ?? null, acceptDataLoss: options.acceptDataLoss === true };
        await operate(context, options, installation, failover(request), {
          seen: ({ view }) => {
            answer(context, options, view, renderFailover);
            return true;
          },
          preview: (steps, { view }) => {
            if (options.json !== true) context.print(renderPlan(steps, view, request));
          },
        });
      }),
    );
}

function renderPlan(steps: string, view: FailoverView, { to, acceptDataLoss }: FailoverRequest): string {
  const candidate = to ?? chooseFailover(view).name;
  // an interrupted failover is resumed by the same command; there is no step left that promotes
  if (candidate === view.leader)
    return `No failover needed: ${candidate} is the primary. Use "pgha switchover" for a planned change of primary.\n`;
  const risk = view.candidates.find(({ name }) => name === candidate)?.risk ?? null;
  const needed = risk === null || acceptDataLoss ? '' : `Requires --accept-data-loss: ${risk}.\n`;
  return `${needed}${steps}`;
}

function renderFailover({ leader, lostPrimary, lastKnownLsn, candidates }: FailoverView): string {
  const head =
    leader === null
      ? `There is no primary. ${lostPrimary ?? 'The former primary'} last reported LSN ${lastKnownLsn ?? 'unknown'} to etcd, up to a few seconds before it failed.\n`
      : `${leader} is the primary (leader).\n`;
  const list = table(
    ['MEMBER', 'RECEIVED LSN', 'LAG', 'SYNCHRONOUS', 'POSSIBLE LOSS'],
    candidates.map(({ name, lsn, behindBytes, isSynchronous, risk }) => [
      name,
      lsn ?? '-',
      behindBytes === null ? '-' : bytes(behindBytes),
      isSynchronous ? 'yes' : 'no',
      risk ?? 'none',
    ]),
  );
  return `${head}${list}`;
}
