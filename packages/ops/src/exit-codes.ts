/** What the shell sees: 0 done, 1 failed, 2 used wrongly, 3 refused to start because of what was found. */
export const exitCodes = { done: 0, failed: 1, usage: 2, refused: 3 } as const;

/** The arguments make no sense together, or name something that is not there. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Nothing was changed: something stands in the way, and the message says what and how to remove it. */
export class RefusedError extends Error {
  override name = 'RefusedError';
}

/** The exit code an error ends the command with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof RefusedError) return exitCodes.refused;
  return exitCodes.failed;
}
