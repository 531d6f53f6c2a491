import type { Region } from '@pgha/infra/cluster';
import { fullBackupKey, repositoryNumber } from '@pgha/infra/machines';
import { readRepository, readRunningBackup } from '../../clients/pgbackrest.ts';
import { configureRegion, type Promotion } from '../../clients/region.ts';
import { runChecked } from '../../hosts/host.ts';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { timelineOfSegment } from '../restore/timelines.ts';
import { leadingHost } from './promote.ts';

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
 * @param record has the promotion by the time the step runs, and is told of the backup.
 */
export function beginFullBackup(
  installation: Installation,
  region: Region,
  record: { promotion: Promotion | null; backup: BegunBackup | null },
): Step {
  const { cluster, signal } = installation;
  const repository = repositoryNumber(region);
  return {
    title: `Start a full backup to repository ${repository}`,
    run: async (report) => {
      const timeline = record.promotion?.timeline ?? null;
      if (timeline === null) throw new Error(`the timeline of ${region.awsRegion} is unknown`);
      const host = await leadingHost(installation, region);
      await configureRegion(host, { [fullBackupKey]: { repository, timeline } });
      // after the timers' own backup, if one of them runs
      await runChecked(host, ['systemctl', 'start', '--no-block', `pgha-backup@ensure-${repository}.service`]);
      const common = { repository, timeline, machine: host.name };
      const look = async (): Promise<BegunBackup | null> => {
        const { backups } = await readRepository(host, cluster.scope, repository);
        const made = backups.find(
          (each) => each.type === 'full' && !each.hasError && timelineOfSegment(each.wal.start) >= timeline,
        );
        if (made !== undefined) return { ...common, state: 'ended', label: made.label, problem: null };
        const running = await readRunningBackup(host, cluster.scope, repository);
        return running === null ? null : { ...common, state: 'running', label: null, problem: null };
      };
      const what = `the full backup to repository ${repository} to start`;
      const seen = await waitUntil(look, { what, timeoutMs: beginTimeoutMs, everyMs: 1_000, signal }).catch(
        (error: Error): BegunBackup => {
          signal.throwIfAborted();
          // the region has moved: a repository that is unavailable does not undo that
          return { ...common, state: 'waiting', label: null, problem: error.message };
        },
      );
      report(seen.problem ?? `${seen.state} on ${seen.machine}`);
      record.backup = seen;
    },
  };
}
