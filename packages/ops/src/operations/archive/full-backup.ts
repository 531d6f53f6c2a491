import { asPostgres, type Backup, readRepository } from '../../clients/pgbackrest.ts';
import { type Host, runChecked } from '../../hosts/host.ts';
import type { Report } from '../../step.ts';

/** A terabyte on a small machine; the machine's own deadline is none. */
const backupTimeoutMs = 24 * 3_600_000;
/** Making a stanza asks every repository; one that is away is asked for minutes. */
const stanzaTimeoutMs = 300_000;
/** The one that the timers' backups take: two at once would only wait for each other within pgBackRest, and fail there. */
const lockFile = '/run/pgbackrest/pgha-backup.lock';

/**
 * Makes the stanza where it is missing and takes a full backup into one repository.
 *
 * @param host the primary's.
 * @param known labels of full backups that do not count.
 * @returns the first full backup that is there then and was not known.
 */
export async function provideFullBackup(
  host: Host,
  stanza: string,
  key: number,
  known: readonly string[],
  report: Report,
): Promise<Backup> {
  const there = await newFullBackup(host, stanza, key, known).catch(() => null);
  if (there !== null) return there;
  await runChecked(host, asPostgres('pgbackrest', `--stanza=${stanza}`, 'stanza-create'), {
    timeoutMs: stanzaTimeoutMs,
  });
  report(`full backup to repository ${key}`);
  const backup = ['pgbackrest', `--stanza=${stanza}`, `--repo=${key}`, '--type=full', 'backup'];
  await runChecked(host, asPostgres('flock', lockFile, ...backup), { timeoutMs: backupTimeoutMs });
  const made = await newFullBackup(host, stanza, key, known);
  if (made === null) throw new Error(`repository ${key} has no new full backup although pgBackRest reported success`);
  return made;
}

/** The first full backup of a repository that is not among the known ones. */
export async function newFullBackup(
  host: Host,
  stanza: string,
  key: number,
  known: readonly string[],
): Promise<Backup | null> {
  const { backups } = await readRepository(host, stanza, key);
  return backups.find(({ type, label }) => type === 'full' && !known.includes(label)) ?? null;
}
