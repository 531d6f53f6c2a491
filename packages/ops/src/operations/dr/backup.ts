import type { Region } from '@pgha/infra/cluster';
import { fullBackupKey, repositoryNumber } from '@pgha/infra/machines';
import { type Backup, readRepository, readRunningBackup } from '../../clients/pgbackrest.ts';
import { configureRegion } from '../../clients/region.ts';
import { type Host, runChecked } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';

/** The full backup that a promoted region takes. */
export interface BegunBackup {
  repository: number;
  /** Of this timeline or a later one. */
  timeline: number;
  machine: string;
  /** `waiting`: it was not seen to begin; the machine goes on trying. */
  state: 'ended' | 'running' | 'waiting';
  /** Of one that has ended. */
  label: string | null;
  /** Why it has not begun. */
  problem: string | null;
}

/** A checkpoint, and the list of files of a large database. */
const beginTimeoutMs = 60_000;

/**
 * Asks a promoted region for a full backup of its new timeline into its own repository, and sees it begin. It takes as long as the
 * database is large, so nobody waits for its end. What asks for it is kept with the region's configuration: the timer of whichever
 * machine leads takes the backup again until it is there, whatever cut it off.
 *
 * @param promoted the region's timeline since its promotion; null: not known yet.
 */
export function beginFullBackup(
  { cluster, signal }: Pick<Installation, 'cluster' | 'signal'>,
  region: Region,
  primary: () => Promise<Host>,
  promoted: () => number | null,
  begun: (backup: BegunBackup) => void,
): Step {
  const repository = repositoryNumber(region);
  return {
    title: `A full backup into repository ${repository} has begun`,
    run: async (report) => {
      const timeline = promoted();
      if (timeline === null) throw new Error(`the timeline of ${region.awsRegion} is not known`);
      const host = await primary();
      await configureRegion(host, { [fullBackupKey]: { repository, timeline } });
      // after the timers' own backup, if one of them runs
      await runChecked(host, ['systemctl', 'start', '--no-block', `pgha-backup@ensure-${repository}.service`]);
      const common = { repository, timeline, machine: host.name };
      const look = async (): Promise<BegunBackup | null> => {
        const { backups } = await readRepository(host, cluster.scope, repository);
        const made = backups.find((each) => each.type === 'full' && !each.hasError && timelineOf(each) >= timeline);
        if (made !== undefined) return { ...common, state: 'ended', label: made.label, problem: null };
        const running = await readRunningBackup(host, cluster.scope, repository);
        return running === null ? null : { ...common, state: 'running', label: null, problem: null };
      };
      const what = `the full backup into repository ${repository} to begin`;
      const seen = await waitUntil(look, { what, timeoutMs: beginTimeoutMs, everyMs: 1_000, signal }).catch(
        (error: Error): BegunBackup => {
          signal.throwIfAborted();
          // the region has moved: a repository that is away does not undo that
          return { ...common, state: 'waiting', label: null, problem: error.message };
        },
      );
      report(seen.problem ?? `${seen.state} on ${seen.machine}`);
      begun(seen);
    },
  };
}

/** A segment's name begins with its timeline (PostgreSQL manual, 9.28.3). */
const timelineOf = ({ wal }: Backup) => Number.parseInt(wal.start.slice(0, 8), 16);
