/** Something that needs a person. */
export interface Finding {
  /** What is wrong, and with what. */
  what: string;
  /** The first thing to do about it. */
  remedy: string;
}
