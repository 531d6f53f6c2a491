import { checkProgram, everyRepository, repositoryProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';

/** One backup of one repository (pgBackRest 2.55, "info" in JSON). */
export interface Backup {
  label: string;
  type: 'full' | 'diff' | 'incr';
  startedAt: Date;
  stoppedAt: Date;
  /** The WAL it needs to be consistent. */
  wal: { start: string; stop: string };
  lsn: { start: string; stop: string };
  /** The cluster's size, and what this backup added to the repository; bytes. */
  sizeBytes: number;
  repositoryDeltaBytes: number;
  /** A page that did not match its checksum when it was copied. */
  hasError: boolean;
}

/** What one repository holds. */
export interface Repository {
  key: number;
  /** Oldest first. */
  backups: readonly Backup[];
  /** The newest archived segment of the newest timeline; null: none. */
  archivedUpTo: string | null;
}

/** A backup that is being taken now, into whichever repository: bytes copied so far, and of how many. */
export interface RunningBackup {
  sizeBytes: number;
  completeBytes: number;
}

/** Everything a restore is planned from. */
export interface Archive {
  /** The machine's clock, which the cluster's commits are dated by. */
  at: Date;
  repository: Repository;
  /** The history files in the archive: every timeline but the first. */
  histories: readonly { timeline: number; storedAt: Date; text: string }[];
}

/** As PostgreSQL's system user, whose configuration has the passphrase. */
export const asPostgres = (...argv: readonly string[]): readonly string[] => [
  'runuser',
  '-u',
  'postgres',
  '--',
  ...argv,
];

/**
 * Reads what a repository holds.
 *
 * @param host a database machine.
 * @param patienceSeconds pgBackRest alone tries for minutes when the repository is away.
 * @throws when the repository does not answer in time, or has no such stanza.
 */
export async function readRepository(
  host: Host,
  stanza: string,
  key: number,
  patienceSeconds = 20,
): Promise<Repository> {
  // former generations and what is detached are asked about too
  const place = [`--config-include-path=${everyRepository}`, `--repo=${key}`];
  const info = ['pgbackrest', `--stanza=${stanza}`, ...place, '--output=json', 'info'];
  const text = await runChecked(host, asPostgres('timeout', `${patienceSeconds}`, ...info), {
    timeoutMs: (patienceSeconds + 20) * 1_000,
  });
  return parseRepository(text, key);
}

/**
 * Reads what a repository holds together with the history of its timelines.
 *
 * @throws when the repository does not answer.
 */
export async function readArchive(host: Host, key: number): Promise<Archive> {
  const text = await runChecked(host, asPostgres(repositoryProgram, `${key}`), { timeoutMs: 120_000 });
  const { at, info, histories } = JSON.parse(text) as {
    at: number;
    info: readonly RawStanza[];
    histories: readonly { timeline: number; storedAt: number; text: string }[];
  };
  return {
    at: new Date(at * 1_000),
    repository: toRepository(info, key),
    histories: histories.map((history) => ({ ...history, storedAt: new Date(history.storedAt * 1_000) })),
  };
}

/**
 * Closes a WAL segment and sees it arrive in a repository.
 *
 * @param primary the machine that leads.
 * @throws with pgBackRest's reason when it does not.
 */
export async function checkRepository(primary: Host, key: number): Promise<void> {
  await runChecked(primary, asPostgres(checkProgram, `${key}`), { timeoutMs: 180_000 });
}

/** The backup that runs now, if there is one. */
export async function readRunningBackup(host: Host, stanza: string, key: number): Promise<RunningBackup | null> {
  const info = ['pgbackrest', `--stanza=${stanza}`, `--repo=${key}`, '--output=json', 'info'];
  const [raw] = JSON.parse(await runChecked(host, asPostgres('timeout', '20', ...info))) as readonly RawStanza[];
  const lock = raw?.status.lock.backup;
  if (lock?.held !== true || lock.size === undefined) return null;
  return { sizeBytes: lock.size, completeBytes: lock['size-cplt'] ?? 0 };
}

/** @throws when the text says that there is nothing, in pgBackRest's words. */
function parseRepository(text: string, key: number): Repository {
  return toRepository(JSON.parse(text) as readonly RawStanza[], key);
}

function toRepository([stanza]: readonly RawStanza[], key: number): Repository {
  const repository = stanza?.repo?.find((each) => each.key === key);
  if (stanza === undefined || repository === undefined) throw new Error(`repository ${key} is not configured`);
  const { code, message } = repository.status;
  // 2: no backup yet, which is an answer
  if (code !== 0 && code !== 2) throw new Error(`repository ${key}: ${message}`);
  const archives = (stanza.archive ?? []).filter(({ database }) => database['repo-key'] === key);
  return {
    key,
    backups: stanza.backup.filter(({ database }) => database['repo-key'] === key).map(toBackup),
    archivedUpTo: archives.at(-1)?.max ?? null,
  };
}

interface RawStanza {
  status: { lock: { backup: { held: boolean; size?: number; 'size-cplt'?: number } } };
  repo?: readonly { key: number; status: { code: number; message: string } }[];
  archive?: readonly { max: string | null; database: { 'repo-key': number } }[];
  backup: readonly RawBackup[];
}

interface RawBackup {
  label: string;
  type: Backup['type'];
  timestamp: { start: number; stop: number };
  archive: { start: string; stop: string };
  lsn: { start: string; stop: string };
  error: boolean | null;
  database: { 'repo-key': number };
  info: { size: number; repository: { delta: number } };
}

function toBackup({ label, type, timestamp, archive, lsn, error, info }: RawBackup): Backup {
  return {
    label,
    type,
    startedAt: new Date(timestamp.start * 1_000),
    stoppedAt: new Date(timestamp.stop * 1_000),
    wal: archive,
    lsn,
    sizeBytes: info.size,
    repositoryDeltaBytes: info.repository.delta,
    hasError: error === true,
  };
}
