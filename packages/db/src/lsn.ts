/** A position in the write-ahead log, with the timeline it belongs to when that is known. */
export interface LsnToken {
  lsn: bigint;
  timeline: number | null;
}

const pattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})(?:;tl=([1-9][0-9]{0,9}))?$/;
const maxTimeline = 2 ** 32 - 1;

/** Parses `0/3000148` or `0/3000148;tl=3` (PostgreSQL's pg_lsn notation, chapter 8.20); null when it is neither. */
export function parseLsn(text: string): LsnToken | null {
  const match = pattern.exec(text);
  if (!match) return null;
  const timeline = match[3] === undefined ? null : Number(match[3]);
  if (timeline !== null && timeline > maxTimeline) return null;
  return { lsn: (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`), timeline };
}

/** The inverse of `parseLsn`, in PostgreSQL's spelling: upper case, no leading zeros. */
export function formatLsn(token: LsnToken): string {
  const hex = (value: bigint) => value.toString(16).toUpperCase();
  const position = `${hex(token.lsn >> 32n)}/${hex(token.lsn & 0xffff_ffffn)}`;
  return token.timeline === null ? position : `${position};tl=${token.timeline}`;
}

/**
 * Whether a server at `reached` has what `wanted` names. A server on an older timeline than the token's has not: equal
 * positions on different timelines are different histories. A newer timeline has replayed every acknowledged commit of
 * the older ones (only a synchronous standby is promoted), so there the position decides.
 */
export function hasReached(reached: LsnToken, wanted: LsnToken): boolean {
  if (wanted.timeline !== null && reached.timeline !== null && reached.timeline < wanted.timeline) return false;
  return reached.lsn >= wanted.lsn;
}
