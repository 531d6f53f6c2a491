/** What happens inside, for whoever counts it. Every method is called on hot paths: none may throw or block. */
export interface DbObserver {
  /** Seconds a caller waited for a connection. */
  poolWait(pool: string, seconds: number): void;
  /** Seconds from sending a statement to its last row. */
  query(statement: string, seconds: number): void;
  /** An attempt failed and is made again; `reason` is an `Outcome`. */
  retry(reason: string): void;
  /** Seconds a write was held because there was no primary. */
  writeHold(seconds: number): void;
  /** A write was given up without knowing whether it was applied. */
  writeOutcomeUnknown(): void;
  /** Connections were given up that carried nothing any more, and those that nobody used with them. */
  connectionsSilent(pool: string, count: number): void;
  /** Seconds a read waited for its replica to reach an LSN. */
  replicaWait(seconds: number): void;
}

export const silentObserver: DbObserver = {
  poolWait() {},
  query() {},
  retry() {},
  writeHold() {},
  writeOutcomeUnknown() {},
  connectionsSilent() {},
  replicaWait() {},
};
