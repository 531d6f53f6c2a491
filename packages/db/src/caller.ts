import { FinalAnswerError } from './outcome.ts';

/** Whoever waits for the answer of a request, and may go before it comes. */
export interface Caller {
  readonly hasGone: boolean;
  /** Called when it goes. Belongs to whatever makes the request wait at the moment. */
  onGone: (() => void) | null;
}

/** The client has gone, and what it asked for has not been sent to the database, or was rolled back. */
export class ClientGoneError extends FinalAnswerError {
  readonly code = 'PGHA_CLIENT_GONE';
  constructor() {
    super('the client closed the connection');
  }
}

/** Throws `ClientGoneError` when nobody waits any more. */
export function assertWaiting(caller: Caller | null): void {
  if (caller?.hasGone) throw new ClientGoneError();
}
