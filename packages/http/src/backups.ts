import { readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';

const Nullable = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const time = Type.String({ format: 'date-time' });

export const BackupsSchema = Type.Object(
  {
    stanza: Nullable(Type.String()),
    status: Type.Enum(['ok', 'missing_stanza', 'no_backup', 'error', 'unavailable', 'timeout', 'not_installed']),
    status_message: Type.String(),
    backups: Type.Array(
      Type.Object({
        label: Type.String(),
        type: Type.String({ description: 'full, diff or incr' }),
        start_time: time,
        stop_time: time,
        size_bytes: Type.Integer({ description: 'size in the repository' }),
        database_size_bytes: Type.Integer(),
      }),
    ),
    wal_archive: Type.Object({ min_wal: Nullable(Type.String()), max_wal: Nullable(Type.String()) }),
    last_full_backup: Type.Union([time, Type.Null()]),
    last_diff_backup: Type.Union([time, Type.Null()]),
    timestamp: time,
  },
  {
    $id: 'Backups',
    examples: [
      {
        stanza: 'pgha',
        status: 'ok',
        status_message: 'ok',
        backups: [
          {
            label: '20260115-020003F',
            type: 'full',
            start_time: '2026-01-15T02:00:03.000Z',
            stop_time: '2026-01-15T02:00:41.000Z',
            size_bytes: 9_812_422,
            database_size_bytes: 43_712_183,
          },
        ],
        wal_archive: { min_wal: '000000030000000000000011', max_wal: '00000003000000000000002C' },
        last_full_backup: '2026-01-15T02:00:41.000Z',
        last_diff_backup: null,
        timestamp: '2026-01-15T14:30:00.000Z',
      },
    ],
  },
);
export type BackupsView = Static<typeof BackupsSchema>;

/** What a timer writes to BACKUP_INFO_FILE: `pgbackrest info --output=json`, its exit code, and when it ran. */
interface BackupInfoFile {
  exit: number;
  at: string;
  info: PgBackRestStanza[];
}

/** pgBackRest 2.55 command reference, "info". */
interface PgBackRestStanza {
  name: string;
  status: { code: number; message: string };
  backup?: {
    label: string;
    type: string;
    timestamp: { start: number; stop: number };
    info: { size: number; repository: { size?: number; delta: number } };
  }[];
  archive?: { min: string | null; max: string | null }[];
}

/** The file is written every minute: an older one shows that the timer has stopped, not the state of the backups. */
const staleAfterMs = 10 * 60_000;
/** GNU timeout's exit code. */
const timedOut = 124;
const commandNotFound = 127;
const stanzaCodes: Record<number, BackupsView['status']> = { 0: 'ok', 1: 'missing_stanza', 2: 'no_backup' };

/** The state of the backups. Never throws: a report that cannot be read is a state of its own. */
export async function readBackups(path: string | null, now = new Date()): Promise<BackupsView> {
  if (path === null) return withoutBackups('not_installed', 'Backups are not configured.', now);
  try {
    return toBackups(JSON.parse(await readFile(path, 'utf8')) as BackupInfoFile, now);
  } catch (error) {
    const { code = 'unexpected content' } = error as NodeJS.ErrnoException;
    return withoutBackups('unavailable', `The backup report could not be read (${code}).`, now);
  }
}

function toBackups({ exit, at, info }: BackupInfoFile, now: Date): BackupsView {
  const age = now.getTime() - Date.parse(at);
  if (!(age < staleAfterMs))
    return withoutBackups('unavailable', `The backup report is out of date (written at ${at}).`, now);
  if (exit === timedOut) return withoutBackups('timeout', 'pgBackRest timed out.', now);
  if (exit === commandNotFound) return withoutBackups('not_installed', 'pgBackRest is not installed.', now);
  if (exit !== 0) return withoutBackups('error', `pgBackRest exited with status ${exit}.`, now);
  const stanza = info[0];
  if (!stanza) return withoutBackups('missing_stanza', 'The repository has no stanza.', now);
  const backups = (stanza.backup ?? []).map(({ label, type, timestamp, info: sizes }) => ({
    label,
    type,
    start_time: fromSeconds(timestamp.start),
    stop_time: fromSeconds(timestamp.stop),
    size_bytes: sizes.repository.size ?? sizes.repository.delta,
    database_size_bytes: sizes.size,
  }));
  const last = (type: string) => backups.findLast((backup) => backup.type === type)?.stop_time ?? null;
  const archive = stanza.archive?.at(-1);
  return {
    stanza: stanza.name,
    status: stanzaCodes[stanza.status.code] ?? 'error',
    status_message: stanza.status.message,
    backups,
    wal_archive: { min_wal: archive?.min ?? null, max_wal: archive?.max ?? null },
    last_full_backup: last('full'),
    last_diff_backup: last('diff'),
    timestamp: now.toISOString(),
  };
}

function withoutBackups(status: BackupsView['status'], message: string, now: Date): BackupsView {
  return {
    stanza: null,
    status,
    status_message: message,
    backups: [],
    wal_archive: { min_wal: null, max_wal: null },
    last_full_backup: null,
    last_diff_backup: null,
    timestamp: now.toISOString(),
  };
}

function fromSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
