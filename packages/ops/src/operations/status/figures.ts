import { type DiskSeen, type RestoreTestSeen, toldOf } from '../../clients/observation.ts';
import type { ClusterObservation } from './observe.ts';

/** How old the newest transaction is that a standby has replayed, in seconds; the heartbeat commits every few seconds. */
export function replayAgeSeconds({ machines }: ClusterObservation, member: string): number | null {
  const machine = machines.find(({ node }) => node.name === member)?.seen ?? null;
  const replayedAt = toldOf(machine?.database)?.replayedAt ?? null;
  if (machine === null || replayedAt === null) return null;
  return Math.max(0, (Date.parse(machine.at) - Date.parse(replayedAt)) / 1_000);
}

/**
 * The newest restore test of each repository with the machine it ran on, when any last succeeded, and since when a machine has
 * waited for one: moments in RFC 3339. Pure.
 */
export function restoreTestsOf({ machines }: ClusterObservation) {
  const told = machines.flatMap(({ node, seen }) => {
    const tests = toldOf(seen?.restoreTests);
    return tests === null ? [] : [{ machine: node.name, ...tests }];
  });
  const byEnd = told
    .flatMap(({ machine, results }) => results.map((result) => ({ ...result, machine })))
    .sort((one, other) => Date.parse(one.endedAt) - Date.parse(other.endedAt));
  return {
    newest: new Map<number, RestoreTestSeen & { machine: string }>(byEnd.map((each) => [each.repository, each])),
    succeededAt: latest(byEnd.map(({ succeededAt }) => succeededAt)),
    expectedSince: latest(told.map(({ expectedSince }) => expectedSince)),
  };
}

/** One program writes them all, in UTC: their order is that of the text. */
const latest = (moments: readonly (string | null)[]) =>
  moments
    .filter((each) => each !== null)
    .sort()
    .at(-1) ?? null;

/** The used part of a file system, 0 to 1: of its bytes or its inodes, whichever it has fewer of. */
export function usedRatio({ sizeBytes, freeBytes, files = 0, freeFiles = 0 }: DiskSeen): number {
  return Math.max(sizeBytes === 0 ? 0 : 1 - freeBytes / sizeBytes, files === 0 ? 0 : 1 - freeFiles / files);
}
