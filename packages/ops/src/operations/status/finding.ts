/** Something that needs a person. */
export interface Finding {
  /** What is wrong, and with what. */
  what: string;
  /** The first thing to do about it. */
  remedy: string;
  /** The alert that comes from the same signal; none where only `pgha status` can see it. */
  alert?: string;
}
