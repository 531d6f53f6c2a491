import { countOutcomes, type FinalRead, type History, type OutcomeCounts, type Write } from './history.ts';

/** What a history and the members' final content say about each other. */
export interface Verdict {
  /** False when any promise was broken on a member that was asked; `unknown` writes break none, whichever way they went. */
  isValid: boolean;
  /** Acknowledged and not there. */
  lost: readonly Misfit[];
  /** There more than once. */
  duplicated: readonly Misfit[];
  /** There although no client ever wrote it. */
  invented: readonly Misfit[];
  /** There although the client was told that it was not applied. */
  denied: readonly Misfit[];
  /** Members that do not hold the same. */
  disagreeing: readonly string[];
  /** Writes whose times cannot be: answered before they were sent. */
  impossible: readonly string[];
  /** Members that could not be asked: nothing is proved of what they hold. */
  missing: readonly MissingMember[];
  counts: OutcomeCounts;
  /** The longest time between two acknowledgements next to each other, and when it began. */
  longestGap: { lengthMs: number; beganAtMs: number };
}

export interface MissingMember {
  member: string;
  why: string;
}

interface Misfit {
  member: string;
  key: string;
}

/**
 * Judges a run. Pure: the same history and reads always give the same verdict.
 *
 * @param finalReads every member's content after healing; none means that nothing was proved, which is not valid.
 * @param missing the members that could not be asked.
 */
export function judge(
  history: History,
  finalReads: readonly FinalRead[],
  missing: readonly MissingMember[] = [],
): Verdict {
  const byKey = new Map(history.writes.map((write) => [write.key, write]));
  const findings = finalReads.map((read) => compare(read, byKey));
  const lost = findings.flatMap((finding) => finding.lost);
  const duplicated = findings.flatMap((finding) => finding.duplicated);
  const invented = findings.flatMap((finding) => finding.invented);
  const denied = findings.flatMap((finding) => finding.denied);
  const impossible = history.writes.filter((write) => write.completedAtMs < write.invokedAtMs).map(({ key }) => key);
  const disagreeing = disagreement(finalReads);
  const broken = [lost, duplicated, invented, denied, impossible, disagreeing];
  return {
    isValid: finalReads.length > 0 && byKey.size === history.writes.length && broken.every((list) => list.length === 0),
    lost,
    duplicated,
    invented,
    denied,
    disagreeing,
    impossible,
    missing,
    counts: countOutcomes(history),
    longestGap: longestGap(history.writes),
  };
}

/** One line for people: what happened to the clients, what happened to the data. */
export function describeVerdict({ counts, longestGap: gap, ...verdict }: Verdict): string {
  const parts = [
    `gap ${(gap.lengthMs / 1000).toFixed(2)} s`,
    `${counts.ok} writes acknowledged`,
    `${counts.fail} refused`,
    `${counts.unknown} unknown`,
    `${verdict.lost.length} lost`,
    `${verdict.duplicated.length} duplicates`,
    `${counts.readsFail} of ${counts.readsOk + counts.readsFail} reads failed`,
  ];
  const worse = [
    [verdict.invented.length, 'rows that no client wrote'],
    [verdict.denied.length, 'applied although refused'],
    [verdict.disagreeing.length, 'members with different data'],
    [verdict.impossible.length, 'answered before they were sent'],
  ] as const;
  const line = [...parts, ...worse.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)].join(
    ', ',
  );
  const unchecked = verdict.missing.map(({ member, why }) => `not checked: ${member} could not be read: ${why}`);
  return [line, ...unchecked].join('\n');
}

function compare({ member, keys }: FinalRead, writes: ReadonlyMap<string, Write>) {
  const found = new Map<string, number>();
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1);
  const misfits = (list: Iterable<string>): readonly Misfit[] => [...list].map((key) => ({ member, key }));
  return {
    lost: misfits(
      [...writes.values()].filter(({ key, outcome }) => outcome === 'ok' && !found.has(key)).map(({ key }) => key),
    ),
    duplicated: misfits([...found].filter(([, count]) => count > 1).map(([key]) => key)),
    invented: misfits([...found.keys()].filter((key) => !writes.has(key))),
    denied: misfits([...found.keys()].filter((key) => writes.get(key)?.outcome === 'fail')),
  };
}

/** The members whose content differs from the first one's. */
function disagreement(reads: readonly FinalRead[]): readonly string[] {
  const content = reads.map(({ keys }) => [...keys].sort().join('\n'));
  return reads.filter((_, index) => content[index] !== content[0]).map(({ member }) => member);
}

function longestGap(writes: readonly Write[]): Verdict['longestGap'] {
  const times = writes
    .filter(({ outcome }) => outcome === 'ok')
    .map(({ completedAtMs }) => completedAtMs)
    .sort((a, b) => a - b);
  let longest = { lengthMs: 0, beganAtMs: times[0] ?? 0 };
  for (const [index, time] of times.entries()) {
    const before = times[index - 1] ?? time;
    if (time - before > longest.lengthMs) longest = { lengthMs: time - before, beganAtMs: before };
  }
  return longest;
}
