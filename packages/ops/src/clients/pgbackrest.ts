import { everyRepository } from '@pgha/infra/machines';
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

/** @throws when the text says that there is nothing, in pgBackRest's words. */
function parseRepository(text: string, key: number): Repository {
  const [stanza] = JSON.parse(text) as readonly RawStanza[];
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
