/** One visible part of a longer piece of work. */
export interface Step {
  title: string;
  /** Does it; `report` shows one line of what is going on. */
  run(report: (line: string) => void): Promise<void>;
}
