import { toldOf } from '../../clients/observation.ts';
import type { ClusterObservation } from './observe.ts';

/** How old the newest transaction is that a standby has replayed, in seconds; the heartbeat commits every few seconds. */
export function replayAgeSeconds({ machines }: ClusterObservation, member: string): number | null {
  const machine = machines.find(({ node }) => node.name === member)?.seen ?? null;
  const replayedAt = toldOf(machine?.database)?.replayedAt ?? null;
  if (machine === null || replayedAt === null) return null;
  return Math.max(0, (Date.parse(machine.at) - Date.parse(replayedAt)) / 1_000);
}

/** The used part of a file system, 0 to 1. */
export function usedRatio({ sizeBytes, freeBytes }: { sizeBytes: number; freeBytes: number }): number {
  return sizeBytes === 0 ? 0 : 1 - freeBytes / sizeBytes;
}
