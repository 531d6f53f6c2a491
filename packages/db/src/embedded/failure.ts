/** A condition the person at the keyboard can change: its message is one complete line, shown without a stack. */
export class EmbeddedFailure extends Error {
  readonly code: EmbeddedFailureCode;

  constructor(code: EmbeddedFailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedFailure';
    this.code = code;
  }
}

export type EmbeddedFailureCode =
  | 'directory-in-use'
  | 'directory-unreadable'
  | 'state-missing'
  | 'platform-unsupported'
  | 'no-account'
  | 'initdb-failed'
  | 'server-failed'
  | 'service-failed'
  | 'not-settled';

/** A port somebody else listens on. The caller knows which option chooses it, so the message leaves room for that. */
export class PortTaken extends Error {
  readonly port: number;
  readonly purpose: string;

  constructor(port: number, purpose: string, remedy = 'choose another or stop the program that uses it') {
    super(`port ${port} is already in use; ${remedy}`);
    this.name = 'PortTaken';
    this.port = port;
    this.purpose = purpose;
  }
}
