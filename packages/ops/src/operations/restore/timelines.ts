/** One timeline of an archive but the first, from its history file. */
export interface Timeline {
  number: number;
  /** When its history file was stored: a moment after the promotion that began it. */
  storedAt: Date;
  /** What it grew out of, the oldest first; the last one is its parent. */
  branches: readonly Branch[];
}

/** Where a timeline was left for the next one. */
interface Branch {
  timeline: number;
  /** Nothing behind it is shared. */
  lsn: string;
  /** For a recovery to a moment: the time of the first commit that was left out. null: a failover, or another kind of end. */
  leftOutAt: Date | null;
}

/**
 * Reads a history file (`src/backend/access/transam/timeline.c`: number, switch point and reason in each line).
 *
 * @throws when a line is none of that.
 */
export function parseHistory(number: number, storedAt: Date, text: string): Timeline {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const branches = lines.map((line): Branch => {
    const [, timeline, lsn, reason = ''] = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)(?:\s+(.*))?$/.exec(line) ?? [];
    if (timeline === undefined || lsn === undefined) {
      throw new Error(`the history file of timeline ${number} has an invalid line: "${line}"`);
    }
    // "before 2026-11-25 18:00:00.123+00": the commit that was the first not to be replayed
    const moment = /^before (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::?\d\d)?|Z)?$/.exec(reason);
    const leftOutAt = moment === null ? null : new Date(`${moment[1]}T${moment[2]}${offsetOf(moment[3] ?? 'Z')}`);
    return { timeline: Number(timeline), lsn, leftOutAt };
  });
  return { number, storedAt, branches };
}

/** PostgreSQL writes `+00`, JavaScript reads `+00:00`. */
const offsetOf = (offset: string) => (/^[+-]\d\d$/.test(offset) ? `${offset}:00` : offset);

/**
 * The timeline that holds what the cluster had at a moment.
 *
 * The newest one does, unless the moment lies between what an earlier restore went back to and that restore itself: whoever asks
 * for such a moment wants what was there then, and that is only on the branch which the restore left. Ordinary promotions ask for
 * no choice: the newer timeline contains the older one up to the point where it was left.
 */
export function timelineAt(timelines: readonly Timeline[], moment: Date): number {
  const known = [...timelines].sort((a, b) => b.number - a.number);
  let newest = known[0];
  while (newest !== undefined) {
    const restore = restoreBehind(known, newest, moment);
    if (restore === null) return newest.number;
    // the newest one there was when that restore was made; the first has no history
    const before = known.find(({ number }) => number < restore.number);
    if (before === undefined) return 1;
    newest = before;
  }
  return 1;
}

/** The restore in a timeline's past that went back to before the moment, and was made after it. */
function restoreBehind(known: readonly Timeline[], timeline: Timeline, moment: Date): Timeline | null {
  const past = [...timeline.branches.map((branch) => branch.timeline), timeline.number];
  for (const [index, { leftOutAt }] of timeline.branches.entries()) {
    const child = known.find(({ number }) => number === past[index + 1]);
    if (leftOutAt === null || child === undefined) continue;
    if (leftOutAt <= moment && moment < child.storedAt) return child;
  }
  return null;
}

/** Whether a position of one timeline lies in the past of another one. */
export function isInPastOf(
  timelines: readonly Timeline[],
  timeline: number,
  position: { timeline: number; lsn: string },
): boolean {
  if (position.timeline === timeline) return true;
  const branch = timelines
    .find(({ number }) => number === timeline)
    ?.branches.find((each) => each.timeline === position.timeline);
  return branch !== undefined && lsnOf(position.lsn) <= lsnOf(branch.lsn);
}

/**
 * The timeline that PostgreSQL, recovering to one of them, takes for the newest: it begins the one behind it. It looks for a history
 * from the target on and stops at the first that is not there (`timeline.c`, `findNewestTimeLine`).
 */
export function newestBehind(target: number, histories: readonly { timeline: number }[]): number {
  const told = new Set(histories.map(({ timeline }) => timeline));
  let newest = target;
  while (told.has(newest + 1)) newest += 1;
  return newest;
}

/** The timeline that a WAL segment's name begins with. */
export const timelineOfSegment = (segment: string): number => Number.parseInt(segment.slice(0, 8), 16);

/** An LSN as a number that compares. */
export function lsnOf(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
