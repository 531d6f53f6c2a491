/** A time during which requests waited for a server of the right role. */
export interface Hold {
  since: number;
  /** Requests held at once, at most. */
  peak: number;
  /** Answers of 500 and above up to its beginning. */
  failuresBefore: number;
}

export interface GateReading {
  at: number;
  isOpen: boolean;
  waiting: number;
  /** Answers of 500 and above since the start of the service. */
  failures: number;
}

export type HoldEvent = { at: number } & (
  | { kind: 'hold-began' }
  | { kind: 'hold-ended'; forMs: number; peak: number; failed: number }
);

/** Takes in one reading of the gate: the hold in progress, if any, and the events that begin or end one. */
export function foldHold(hold: Hold | null, reading: GateReading): { hold: Hold | null; events: HoldEvent[] } {
  const { at, isOpen, waiting, failures } = reading;
  if (isOpen) {
    if (hold === null) return { hold, events: [] };
    const { since, peak, failuresBefore } = hold;
    const ended = { at, kind: 'hold-ended' as const, forMs: at - since, peak, failed: failures - failuresBefore };
    return { hold: null, events: [ended] };
  }
  if (hold === null) {
    return { hold: { since: at, peak: waiting, failuresBefore: failures }, events: [{ at, kind: 'hold-began' }] };
  }
  return { hold: waiting > hold.peak ? { ...hold, peak: waiting } : hold, events: [] };
}
