/** Exit codes: 0 success, 1 failed, 2 usage error, 3 refused because a precondition is not met. */
export const exitCodes = { done: 0, failed: 1, usage: 2, refused: 3 } as const;

/** The arguments contradict each other, or name something that does not exist. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** A precondition is not met and nothing was changed: the message says which one and what to do. */
export class RefusedError extends Error {
  override name = 'RefusedError';
}

/** The exit code an error ends the command with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof RefusedError) return exitCodes.refused;
  return exitCodes.failed;
}
