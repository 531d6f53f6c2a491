import type { HealthRule } from './health.ts';

/** Everything the stand-in is told; given to its process as a file. */
export interface BalancerSettings {
  /** Its own addresses, one a zone. */
  addresses: readonly string[];
  /** The machines, registered once and for ever. */
  targets: readonly string[];
  listeners: readonly { port: number; targetPort: number }[];
  check: HealthRule & { port: number; path: string };
  /** A flow that is silent for this long is reset. */
  idleTimeoutMs: number;
  /**
   * A client that only waits learns that its target was given up from the answer to its own keep-alive probe. The kernel
   * answers probes before this process sees them, so one is assumed after this time.
   */
  assumedProbeMs: number;
  /** Where it writes what it believes, at each change. */
  viewFile: string;
}

/** What `viewFile` holds. */
export interface PublishedView {
  targets: readonly { address: string; state: string; since: string; connections: number }[];
}
