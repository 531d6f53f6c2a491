import { runChecked } from '../../src/hosts/host.ts';
import type { RepositoryListing } from '../../src/operations/backup/listing.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { hostOf, leaderOf, type RunningLab, runPgha } from './running-lab.ts';

/** A timer takes them as soon as the cluster is there; on a busy machine that takes its time. */
const firstBackupsTimeoutMs = 300_000;

/** What `pgha backup list` shows. */
export async function listBackups(): Promise<readonly RepositoryListing[]> {
  const { stdout, stderr } = await runPgha(['backup', 'list', '--json', '--lab']);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as readonly RepositoryListing[];
}

/**
 * Waits until every repository of a new lab has a full backup.
 *
 * @throws with what the unit that takes them said last.
 */
export async function waitForFirstBackups(lab: RunningLab): Promise<void> {
  try {
    await waitUntil(
      async () => (await listBackups()).every(({ backups }) => backups?.some(({ type }) => type === 'full') === true),
      { what: 'a full backup in both repositories', timeoutMs: firstBackupsTimeoutMs, everyMs: 3_000 },
    );
  } catch (error) {
    const journal = ['journalctl', '--quiet', '--no-pager', '--lines=20', '--unit=pgha-backup@*'];
    const leader = await leaderOf(lab);
    const said = await runChecked(hostOf(lab, leader), journal);
    throw new Error(`${(error as Error).message}\npgha-backup on ${leader}:\n${said}`, { cause: error });
  }
}
