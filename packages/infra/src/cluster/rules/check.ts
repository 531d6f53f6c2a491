/** One thing wrong with a configuration. */
export interface Problem {
  /** Where: `primary.etcd`. */
  path: string;
  /** The value seen. */
  value: unknown;
  /** What is allowed, in words. */
  allowed: string;
  /** What is wrong with it, and what is allowed. */
  message: string;
}

/** Null: the rule holds. */
export type Check = Problem | null;

/** A rule: null where it holds. @param advice a further sentence: why, or what to do. */
export function check(holds: boolean, path: string, value: unknown, allowed: string, advice?: string): Check {
  if (holds) return null;
  const message = `${path}: ${JSON.stringify(value)} is not supported. Allowed: ${allowed}.`;
  return { path, value, allowed, message: advice === undefined ? message : `${message} ${advice}.` };
}
