import { type Cluster, membersOf, regionsOf } from '@pgha/infra/cluster';
import { createScratch, listScratches, type Scratch, type ScratchSpec } from '../../clients/scratch.ts';
import type { Host } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { thresholdOf } from '../status/thresholds.ts';
import { ensureArchived } from './archived.ts';
import { type RestoreSource, recoveryTarget } from './target.ts';

/** What a restore into a scratch server works with. */
export interface ScratchSetting {
  cluster: Cluster;
  /** The machine that leads; null: nobody does, and the archive has what it has. */
  primary: Host | null;
  /** The machine it is made on. */
  beside: Host;
  source: RestoreSource;
  signal: AbortSignal;
}

/** A scratch server with its machine. */
export interface PlacedScratch extends Scratch {
  machine: string;
}

/** A terabyte at a slow disk's pace; whoever does not want to wait stops the command, and the restore goes on. */
const restoreTimeoutMs = 24 * 3_600_000;

/** A name that says what it is of: asked for again, the same server is meant. */
export function scratchName({ target, repository }: Pick<RestoreSource, 'target' | 'repository'>): string {
  return `at-${target
    .replace(/\.000Z$|Z$/, '')
    .replaceAll(/[-:.]/g, '')
    .toLowerCase()}-repo${repository}`;
}

export function specOf({ repository, backup, target, timeline, hasHistory }: RestoreSource): ScratchSpec {
  const moment = recoveryTarget(new Date(target));
  return { repository, backup, type: 'time', target: moment, timeline: hasHistory ? timeline : 'current' };
}

/** The steps from a moment to a server that has what was there then. */
export function planScratch({ cluster, primary, beside, source, signal }: ScratchSetting): readonly Step[] {
  const name = scratchName(source);
  const { repository, backup, target } = source;
  const read = async () => (await listScratches(beside)).find((each) => each.name === name) ?? null;
  const isPast = async (...phases: readonly Scratch['phase'][]) => phases.includes((await read())?.phase ?? 'failed');
  const until = (what: string, phases: readonly Scratch['phase'][], report: (line: string) => void) =>
    waitUntil(
      async () => {
        const scratch = await read();
        // it does not come back by itself: waiting would not help
        if (scratch?.phase === 'failed' || scratch?.phase === 'stopped') return scratch;
        if (scratch !== null) report(progressOf(scratch));
        return scratch !== null && phases.includes(scratch.phase) ? scratch : null;
      },
      { what, timeoutMs: restoreTimeoutMs, everyMs: 1_000, signal },
    ).then((scratch) => {
      if (phases.includes(scratch.phase)) return;
      throw new Error(`${name} on ${beside.name} ${scratch.phase}: ${scratch.problem ?? 'the node was rebooted'}`);
    });
  // what is older is in the archive, or an alert says that it is not
  const isRecent = Date.now() - Date.parse(target) < thresholdOf(cluster, 'WalNotArchived') * 1_000;
  return [
    ...(primary === null
      ? []
      : [
          {
            title: `Wait until a commit later than ${target} is archived to repository ${repository}`,
            isNeeded: async () => {
              const there = await read();
              return there === null ? isRecent : there.phase === 'failed';
            },
            run: (report: (line: string) => void) =>
              ensureArchived(
                primary,
                { database: cluster.database, stanza: cluster.scope, repository },
                new Date(target),
                report,
                signal,
              ),
          },
        ]),
    {
      title: `Restore backup ${backup} of repository ${repository} on ${beside.name}`,
      isDone: () => isPast('recovering', 'ready'),
      run: async (report) => {
        await createScratch(beside, name, specOf(source));
        await until('the backup to be restored', ['recovering', 'ready'], report);
      },
    },
    {
      title: `Replay WAL up to ${target}`,
      isDone: () => isPast('ready'),
      run: (report) => until('the recovery to finish', ['ready'], report),
    },
  ];
}

function progressOf({ phase, percent, replayedUpTo }: Scratch): string {
  if (phase === 'restoring') return percent === null ? 'reading the backup' : `${percent.toFixed(0)} %`;
  return replayedUpTo === null ? phase : `${phase}, ${replayedUpTo}`;
}

/** Every scratch server of both regions, on the machines that can be asked. */
export async function findScratches(installation: Installation): Promise<readonly PlacedScratch[]> {
  const nodes = regionsOf(installation.cluster).flatMap(membersOf);
  const found = await Promise.allSettled(
    nodes.map(async (node) => {
      const scratches = await listScratches(installation.host(node));
      return scratches.map((scratch) => ({ ...scratch, machine: node.name }));
    }),
  );
  return found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}
