/** `primary`: only a server that is not in recovery. `any-read-only`: whoever answers, in read-only transactions. */
export type ExpectedRole = 'primary' | 'any-read-only';

/** How to reach a database. `password` may be a function so that a rotated secret is read at the next connection. */
export interface DbSettings {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string | (() => Promise<string>);
  tls: DbTls;
}

/** libpq's words: `require` encrypts without checking who answers, `verify-full` checks the chain and the host name. */
export interface DbTls {
  mode: 'disable' | 'require' | 'verify-full';
  /** PEM text of the authority that signed the server's certificate; the system's store when absent. */
  rootCertificate?: string;
}

/** How many connections, and how long each thing may take. */
export interface PoolLimits {
  minSize: number;
  maxSize: number;
  /** TCP, TLS and authentication together, and the wait for a free connection. */
  connectTimeoutMs: number;
  /**
   * After this the connection is destroyed and the outcome is unknown. Longer than the role's `statement_timeout` (15 s,
   * set where the roles are made), so that the server gives up first and says so. A connection that carries nothing any
   * more is found long before (session-watch.ts).
   */
  queryTimeoutMs: number;
  idleTimeoutMs: number;
  /** A connection is replaced after this, so that reads return to a replica that came back. */
  maxLifetimeMs: number;
}

export const defaultPoolLimits: PoolLimits = {
  minSize: 2,
  maxSize: 20,
  connectTimeoutMs: 3_000,
  queryTimeoutMs: 20_000,
  idleTimeoutMs: 60_000,
  maxLifetimeMs: 300_000,
};
