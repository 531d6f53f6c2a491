/**
 * The used parts of a disk, 0 to 1, at which something happens: alerts, `pgha status` and the handover of a primary
 * (docs/decisions/0022) have the same ones.
 */
export const diskLimits = {
  /** A ticket. */
  filling: 0.8,
  /** A page; and no primary is handed over to a member above it. */
  almostFull: 0.92,
  /** A primary above it is handed over. */
  full: 0.97,
} as const;
