import type { ExpectedRole } from './settings.ts';

/**
 * What a look at the server, over a connection of its own, says of a session:
 * - `at-work`: it executes, or waits for a lock, a disk or a standby
 * - `waits-for-client`: it waits to be sent something, or for what it has sent to be taken
 * - `gone`: its server has no such session any more
 * - `elsewhere`: another server of the expected role answered
 */
export type Sighting = 'at-work' | 'waits-for-client' | 'gone' | 'elsewhere';

/** What is known of a connection over which an answer is awaited. Times are milliseconds of the caller's clock. */
export interface Silence {
  /** In total, when it was looked at last: more is a sign of life. */
  bytesRead: number;
  /** Since then there has been no sign of life. */
  since: number;
  /** A look has found that nobody works on the answer, and nothing has come since. */
  isSuspected: boolean;
}

export const silenceLimits = {
  /** What was lost has been sent again four times by then: after 0.2, 0.4, 0.8 and 1.6 s (RFC 6298, as Linux has it). */
  lookAfterMs: 4_000,
  /** A read can be answered by another server, and does not wait longer for this one. */
  elsewhereAfterMs: 10_000,
};

/** The silence of a connection that is listened to again; a new one where it has said something or has nothing to say. */
export function continueSilence(
  silence: Silence | undefined,
  now: number,
  { bytesRead, unanswered }: { bytesRead: number; unanswered: number },
): Silence {
  const isSilent = silence !== undefined && unanswered > 0 && bytesRead === silence.bytesRead;
  return isSilent ? silence : { bytesRead, since: now, isSuspected: false };
}

/**
 * What a look makes of a silence.
 *
 * Invariant: a connection is given up only after two looks that both found nobody at work on its answer, with nothing
 * received from before the first until after the second. A server that is slow is seen at work, however long it takes.
 */
export function judgeSilence(
  silence: Silence,
  sighting: Sighting,
  now: number,
  role: ExpectedRole,
): Silence | 'given-up' {
  if (sighting === 'at-work') return { ...silence, since: now, isSuspected: false };
  const maySendElsewhere = role === 'primary' || now - silence.since >= silenceLimits.elsewhereAfterMs;
  if (sighting === 'elsewhere' && !maySendElsewhere) return silence;
  return silence.isSuspected ? 'given-up' : { ...silence, isSuspected: true };
}
