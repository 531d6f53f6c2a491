import type { Archive, Backup, Repository } from '../../clients/pgbackrest.ts';
import { RefusedError, UsageError } from '../../exit-codes.ts';
import { isInPastOf, parseHistory, type Timeline, timelineAt, timelineOfSegment } from './timelines.ts';

/** What a restore to a moment takes. */
export interface RestoreSource {
  /** The repository's number. */
  repository: number;
  /** The backup's label. */
  backup: string;
  /** Bytes that it takes when it is restored. */
  sizeBytes: number;
  timeline: number;
  /**
   * Whether the repository can say what the timeline grew out of, without which PostgreSQL does not take its number for a target.
   * A generation of the repository that is younger than the timeline cannot; its backups are on it.
   */
  hasHistory: boolean;
  /** The moment, RFC 3339 in UTC. */
  target: string;
}

/** The moments that can be restored. */
export interface RestoreWindow {
  from: Date;
  to: Date;
}

const pattern = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,6})?)?(Z|[+-]\d\d(?::?\d\d)?)?$/i;

/**
 * Reads a moment as a person writes it: ISO 8601, date and time, with an offset.
 *
 * @throws UsageError with what is missing; a time without an offset is a different moment for each who reads it.
 */
export function parseMoment(text: string): Date {
  const match = pattern.exec(text.trim());
  const example = 'for example 2025-01-15T14:30:00+00:00';
  if (match === null) throw new UsageError(`"${text}" is not an ISO 8601 date and time, ${example}`);
  const [, year, month, day, hour, minute, second = '00', fraction = '', offset] = match;
  if (offset === undefined) {
    throw new UsageError(
      `"${text}" has no UTC offset. Use ISO 8601 with an offset, ${example} or 2025-01-15T14:30:00Z`,
    );
  }
  const minutes =
    offset.length === 3 ? `${offset}:00` : offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const moment = new Date(`${local}${fraction.slice(0, 4)}${minutes.toUpperCase()}`);
  // the 30th of February would silently be another day
  const isReal = new Date(`${local}Z`).toJSON()?.slice(0, 19) === local;
  if (!isReal || Number.isNaN(moment.getTime()))
    throw new UsageError(`"${text}" is not a valid date and time, ${example}`);
  return moment;
}

/** As pgBackRest and PostgreSQL take it: no `T`, and an offset that leaves nothing to a time zone. */
export const recoveryTarget = (moment: Date): string => moment.toISOString().replace('T', ' ').replace('Z', '+00');

/**
 * What a repository can bring back; null: nothing.
 *
 * @param now by the cluster's clock; the primary commits and archives up to it.
 */
export function windowOf({ backups }: Pick<Repository, 'backups'>, now: Date): RestoreWindow | null {
  const [oldest] = backups;
  // pgBackRest keeps whole seconds: the end of a backup is somewhere in its last one
  return oldest === undefined ? null : { from: new Date(oldest.stoppedAt.getTime() + 1_000), to: now };
}

/**
 * Chooses the backup and the timeline that bring a moment back: the newest backup that ended before it, and lies in the past of
 * the timeline that was the living one.
 *
 * @throws RefusedError with the window when the moment is outside of it.
 */
export function chooseSource(archive: Archive, moment: Date): RestoreSource {
  const { repository, at: now } = archive;
  const { key, backups } = repository;
  const name = `repository ${key}`;
  const window = windowOf(repository, now);
  if (window === null) throw new RefusedError(`${name} has no backup. Take one: pgha backup create --repo ${key}`);
  const said = `the recovery window of ${name} is ${say(window.from)} to ${say(window.to)}`;
  if (moment > window.to) throw new RefusedError(`${say(moment)} is in the future; ${said}`);
  if (moment < window.from) throw new RefusedError(`${say(moment)} is before the first backup; ${said}`);
  const isBefore = ({ stoppedAt }: Backup) => stoppedAt.getTime() + 1_000 <= moment.getTime();
  const before = backups.filter(isBefore);
  const timelines = timelinesOf({ ...archive, repository: { ...repository, backups: before } });
  const timeline = timelineAt(timelines, moment);
  const backup = before.findLast((each) => isInPastOf(timelines, timeline, endOf(each)));
  if (backup === undefined) {
    throw new RefusedError(
      `${name} has no backup from before ${say(moment)} on the history of timeline ${timeline}: its earlier backups belong to a ` +
        `timeline that an earlier restore abandoned; ${said}`,
    );
  }
  const { label, sizeBytes } = backup;
  const hasHistory = timeline === 1 || archive.histories.some((history) => history.timeline === timeline);
  return { repository: key, backup: label, sizeBytes, timeline, hasHistory, target: moment.toISOString() };
}

/**
 * The timelines of an archive but the first. One that began before the repository did, or while it was left out, has no history
 * there and is known by its backups: nothing from before them can be had.
 */
export function timelinesOf({ histories, repository }: Pick<Archive, 'histories' | 'repository'>): readonly Timeline[] {
  const told = histories.map(({ timeline, storedAt, text }) => parseHistory(timeline, storedAt, text));
  const isTold = (number: number) => number === 1 || told.some((timeline) => timeline.number === number);
  const untold = new Map<number, Timeline>();
  for (const { wal, startedAt } of repository.backups) {
    const number = timelineOfSegment(wal.start);
    if (isTold(number) || untold.has(number)) continue;
    untold.set(number, { number, storedAt: startedAt, branches: [] });
  }
  return [...told, ...untold.values()];
}

const endOf = ({ wal, lsn }: Backup) => ({ timeline: timelineOfSegment(wal.stop), lsn: lsn.stop });

/** To the second, as nobody asks for less. */
export const say = (moment: Date): string => moment.toISOString().replace(/\.\d+Z$/, 'Z');
