import { lsnOf, type Timeline, timelineOfSegment } from '../restore/timelines.ts';

/** What is wrong with a repository: an object of it, or several that are not there. */
interface Damage {
  /** The object's path in the repository, or the name of the WAL segments. */
  object: string;
  problem: string;
}

/** What reading all of a repository showed. */
export interface RepositoryVerdict {
  /** How many WAL segments and backups were read. */
  segments: number;
  backups: readonly string[];
  damages: readonly Damage[];
}

/** A stretch of WAL without a gap: segments by their names. */
interface Stretch {
  from: string;
  to: string;
}

/** What an archive should have. */
export interface ArchiveShape {
  /** A stretch may begin where a timeline left another one. */
  timelines: readonly Timeline[];
  /** The first segment of the oldest backup: nobody needs what is older, and pgBackRest removes it. */
  neededFrom: string | null;
  segmentBytes: number;
}

/**
 * Makes sense of what `pgbackrest verify` says (2.55, text with details): it ends well whatever it finds, names a damaged object
 * in a line of its own, and says of a missing segment only that the WAL comes in two stretches.
 *
 * @throws when the text is not of a verification that came to its end.
 */
export function parseVerification(text: string, shape: ArchiveShape): RepositoryVerdict {
  const lines = text.split('\n').map((line) => line.trim());
  if (!lines.some((line) => line.startsWith('status: '))) {
    const reason = lines.findLast((line) => /\bERROR\b/.test(line)) ?? lines.findLast((line) => line !== '');
    throw new Error(`pgBackRest verify did not complete: ${reason ?? 'no output'}`);
  }
  const stretches = lines.flatMap((line): readonly Stretch[] => {
    const [, from, to] = /wal start: ([0-9A-F]{24}), wal stop: ([0-9A-F]{24})/.exec(line) ?? [];
    return from === undefined || to === undefined ? [] : [{ from, to }];
  });
  const states = lines.flatMap((line) => {
    const [, label, state] = /^backup: (\S+), status: ([^,]+)/.exec(line) ?? [];
    return label === undefined || state === undefined ? [] : [{ label, state }];
  });
  const named = lines.flatMap(damagedObject);
  const damages = [
    ...named,
    ...gaps(stretches, shape),
    // in progress: a backup that is being taken
    ...states
      .filter(({ state }) => state !== 'valid' && state !== 'in-progress')
      .map(({ label, state }) => ({ object: `backup ${label}`, problem: state })),
  ];
  const counted = lines.flatMap((line) => /total WAL checked: (\d+)/.exec(line)?.[1] ?? []);
  return {
    segments: counted.length === 0 ? 0 : Math.max(...counted.map(Number)),
    backups: [...new Set(states.map(({ label }) => label))],
    damages: [...new Map(damages.map((damage) => [`${damage.object} ${damage.problem}`, damage])).values()],
  };
}

function damagedObject(line: string): readonly Damage[] {
  const [, problem, quoted] = /(invalid checksum|invalid size|file missing) '([^']+)'/.exec(line) ?? [];
  if (problem !== undefined && quoted !== undefined) return [{ object: quoted, problem }];
  const [, object, reason] = /invalid result (\S+): (?:\[\d+\] )?(?:raised from \S+ protocol: )?(.+)$/.exec(line) ?? [];
  if (object !== undefined && reason !== undefined) return [{ object, problem: reason }];
  const [, copied] = /(\S+) is missing or unusable, using copy/.exec(line) ?? [];
  return copied === undefined ? [] : [{ object: copied, problem: 'missing or unusable; its copy exists' }];
}

/** The segments that should be between two stretches. */
function gaps(stretches: readonly Stretch[], { timelines, neededFrom, segmentBytes }: ArchiveShape): readonly Damage[] {
  const numbers = stretches.map(({ from, to }) => ({
    timeline: timelineOfSegment(from),
    first: numberOf(from, segmentBytes),
    last: numberOf(to, segmentBytes),
  }));
  const needed = neededFrom === null ? 0n : numberOf(neededFrom, segmentBytes);
  const missing = (timeline: number, after: bigint, last: bigint): readonly Damage[] => {
    const first = after < needed ? needed : after;
    if (first > last) return [];
    const [from, to] = [nameOf(timeline, first, segmentBytes), nameOf(timeline, last, segmentBytes)];
    return [{ object: from === to ? from : `${from} to ${to}`, problem: 'missing from the archive' }];
  };
  return numbers.flatMap((stretch, index) => {
    const before = numbers[index - 1];
    if (before?.timeline === stretch.timeline) return missing(stretch.timeline, before.last + 1n, stretch.first - 1n);
    const branch = timelines.find(({ number }) => number === stretch.timeline)?.branches.at(-1);
    // the first timeline has no history, and one that began before the repository did has it elsewhere
    if (branch === undefined && before === undefined) return missing(stretch.timeline, needed, stretch.first - 1n);
    if (branch === undefined) {
      return [{ object: `${hex(BigInt(stretch.timeline))}.history`, problem: 'missing from the archive' }];
    }
    const parent = numbers.findLast(({ timeline }) => timeline === branch.timeline);
    // the segment with the switch point exists on both timelines, of the older one perhaps only as a part
    const switched = lsnOf(branch.lsn) / BigInt(segmentBytes);
    return [
      ...(parent === undefined ? [] : missing(branch.timeline, parent.last + 1n, switched - 1n)),
      ...missing(stretch.timeline, switched, stretch.first - 1n),
    ];
  });
}

function numberOf(segment: string, segmentBytes: number): bigint {
  const perLog = 0x1_0000_0000n / BigInt(segmentBytes);
  return BigInt(`0x${segment.slice(8, 16)}`) * perLog + BigInt(`0x${segment.slice(16)}`);
}

function nameOf(timeline: number, number: bigint, segmentBytes: number): string {
  const perLog = 0x1_0000_0000n / BigInt(segmentBytes);
  return [BigInt(timeline), number / perLog, number % perLog].map(hex).join('');
}

const hex = (value: bigint) => value.toString(16).toUpperCase().padStart(8, '0');
