import { type Backup, readRepository, readRunningBackup } from '../../clients/pgbackrest.ts';
import { type Host, runChecked } from '../../hosts/host.ts';
import type { Report, Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';

/** One backup into one repository. */
export interface BackupRequest {
  type: Backup['type'];
  repository: number;
}

/** A terabyte into S3; whoever does not want to wait stops the command, and the backup goes on. */
const backupTimeoutMs = 24 * 3_600_000;

/** The steps that take a backup into each of these repositories, one after the other. */
export function planBackups(
  primary: Host,
  stanza: string,
  { type, repositories }: { type: Backup['type']; repositories: readonly number[] },
  taken: (backup: Backup, repository: number) => void,
  signal: AbortSignal,
): readonly Step[] {
  return repositories.map((repository) => ({
    title: `Take a ${type} backup to repository ${repository}`,
    run: async (report) => taken(await takeBackup(primary, stanza, { type, repository }, report, signal), repository),
  }));
}

/**
 * Takes a backup as the timers do, by a unit of the primary's machine: it goes on when this command ends, and waits while
 * another one is taken. A backup of this kind that is at work already is waited for instead.
 *
 * @throws with what the unit said when there is no new backup in the end.
 */
export async function takeBackup(
  primary: Host,
  stanza: string,
  { type, repository }: BackupRequest,
  report: Report,
  signal: AbortSignal,
): Promise<Backup> {
  const unit = `pgha-backup@${type}-${repository}.service`;
  const isAtWork = async () =>
    ['active', 'activating'].includes(
      (await runChecked(primary, ['systemctl', 'show', '--property=ActiveState', '--value', unit])).trim(),
    );
  // first: one that is at work behind this is new when it ends, however soon that is
  const before = (await readRepository(primary, stanza, repository)).backups.at(-1)?.label ?? '';
  const wasAtWork = await isAtWork();
  if (!wasAtWork) await runChecked(primary, ['systemctl', 'start', '--no-block', unit]);
  await waitUntil(
    async () => {
      if (!(await isAtWork())) return true;
      const running = await readRunningBackup(primary, stanza, repository);
      report(running === null ? 'waiting for a checkpoint, or for another backup to finish' : progressOf(running));
      return false;
    },
    { what: `the ${type} backup to repository ${repository}`, timeoutMs: backupTimeoutMs, everyMs: 1_000, signal },
  );
  const newest = (await readRepository(primary, stanza, repository)).backups.at(-1);
  if (newest !== undefined && newest.label > before) return newest;
  // what its processes said; what systemd says of the unit is that it failed
  const journal = ['journalctl', '--quiet', '--no-pager', '--output=cat', '--lines=5', `_SYSTEMD_UNIT=${unit}`];
  throw new Error(`repository ${repository} has no new backup: ${(await runChecked(primary, journal)).trim()}`);
}

function progressOf({ sizeBytes, completeBytes }: { sizeBytes: number; completeBytes: number }): string {
  const percent = sizeBytes === 0 ? 100 : (100 * completeBytes) / sizeBytes;
  return `${percent.toFixed(0)} % of ${Math.ceil(sizeBytes / 1024 ** 2)} MiB`;
}
